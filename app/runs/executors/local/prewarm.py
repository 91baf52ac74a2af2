"""Prewarm a training process: import everything before a start needs it."""

from __future__ import annotations

import logging
import os
import socket
import sys
import tempfile
import threading
from contextlib import suppress

import psutil

from app.installation import CODE_DIR, is_installed
from app.runs import child
from app.runs.executors.invocation import search_path
from trainer.filestate import FileState, file_state
from trainer.rundir import RunDir
from trainer.runner.program import encode

logger = logging.getLogger(__name__)

MEGABYTE = 10**6
HAND_OVER_TAKES_AT_MOST_S = 5.0
CodeState = frozenset[tuple[str, FileState | None]]


class Prewarm:
    """Keep at most one prewarmed process while the next start may need it, and launch a run with it.

    A start never waits. If the process is not ready, or its code has changed on the disk, the process is ended and the
    run starts cold. While no slot is free and no run waits for one nothing is imported, so that the trainings have the
    machine to themselves. A process that exited by itself is replaced only after a start or a change of the code,
    because the next one would probably exit too.
    """

    def __init__(self) -> None:
        self._waiting: Waiting | None = None
        self._given_up: CodeState | None = None
        self._mutex = threading.Lock()

    def tend(self, is_wanted: bool) -> None:
        """Start, check or end the process. Called every second. `is_wanted`: a slot is free, or a run waits for one."""
        code = code_state()
        with self._mutex:
            waiting = self._waiting
            if waiting is not None and waiting.has_exited():
                self._given_up = code
            elif waiting is not None and (waiting.code != code or not (is_wanted or waiting.is_ready)):
                waiting.end()
            elif waiting is not None:
                return
            self._waiting = self._new(code) if is_wanted and self._given_up != code else None

    def _new(self, code: CodeState) -> Waiting | None:
        try:
            return Waiting(code)
        except OSError as error:
            logger.warning("Cannot prewarm a training process: %s", error)
            self._given_up = code
            return None

    def launch(self, run: RunDir, lock_fd: int, gpus: str | None = None) -> bool:
        """Launch the run as launcher.launch does. Return False, with nothing launched, if no process is usable."""
        with self._mutex:
            waiting, self._waiting, self._given_up = self._waiting, None, None
        if waiting is None:
            return False
        try:
            is_usable = not waiting.has_exited() and waiting.is_ready and waiting.code == code_state()
            return is_usable and waiting.hand_over(run, lock_fd, gpus)
        finally:
            waiting.end()

    def memory_mb(self) -> int | None:
        """Return the memory of the prewarmed process. None while none is ready."""
        waiting = self._waiting
        return waiting.memory_mb() if waiting is not None else None

    def end(self) -> None:
        """End the process at once."""
        with self._mutex:
            if self._waiting is not None:
                self._waiting.end()
            self._waiting = None


class Waiting:
    """A keeper (trainer.runner.keeper) and its program (trainer.warm), which exit when this process exits."""

    def __init__(self, code: CodeState) -> None:
        """`code` is the state of the code before the imports. Raises OSError."""
        self.code = code
        self._pid: int | None = None
        self._keeper_pid: int | None = None
        # The output of the imports. The program copies it to the log of its run.
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._launcher = child.spawn(
                "trainer.runner.keeper",
                str(theirs.fileno()),
                os.getcwd(),
                search_path(),
                stdout=self._output,
                stderr=self._output,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    @property
    def is_ready(self) -> bool:
        """Whether the imports were complete at the last call of `has_exited`."""
        return self._pid is not None

    def has_exited(self) -> bool:
        """Read the state of the process. Return True if it has exited by itself."""
        self._socket.setblocking(False)
        try:
            message = self._socket.recv(64)
        except BlockingIOError:
            return False
        except OSError:
            message = b""
        if not message:
            logger.warning("The prewarmed process exited: %s", child.last_line(self._output) or "no output")
            self.end()
            return True
        self._pid, self._keeper_pid = map(int, message.split())
        logger.info("A prewarmed process is ready for the next start: process %d, %s MB.", self._pid, self.memory_mb())
        return False

    def hand_over(self, run: RunDir, lock_fd: int, gpus: str | None) -> bool:
        """Return True once the process trains in `run`. False: it has exited, or did not answer and was killed."""
        self._socket.settimeout(HAND_OVER_TAKES_AT_MOST_S)
        try:
            socket.send_fds(self._socket, [encode(run.path, gpus)], [lock_fd])
            return self._socket.recv(1) == b"1"
        except TimeoutError:
            logger.warning("The prewarmed process did not answer and was killed. The run starts without it.")
            self._kill()
            return False
        except OSError:
            return False

    def _kill(self) -> None:
        for pid in filter(None, (self._keeper_pid, self._pid)):  # None would be this process.
            with suppress(psutil.Error):
                psutil.Process(pid).kill()

    def memory_mb(self) -> int | None:
        try:
            return int(psutil.Process(self._pid).memory_info().rss) // MEGABYTE if self._pid is not None else None
        except psutil.Error:
            return None

    def end(self) -> None:
        """Close the connection, so that a process without a run exits. A second call has no effect."""
        self._socket.close()
        self._output.close()
        self._launcher.wait()  # It exited as soon as the keeper had started.


def code_state() -> CodeState:
    """Return the states of our own files and of the package folders, which change with the imported code.

    Installing, upgrading or removing a package changes its folder.
    """
    own = [str(path) for path in (CODE_DIR / "trainer").rglob("*.py")]
    no_packages = {"", os.getcwd(), *([] if is_installed() else [str(CODE_DIR)])}
    packages = [path for path in sys.path if path not in no_packages]
    return frozenset((path, file_state(path)) for path in own + packages)
