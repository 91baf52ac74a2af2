"""One training program that waits with everything imported, so that a start need not."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress

import psutil

from app.runs.executors.local.launcher import PROJECT_ROOT, environment, search_path
from app.runs.filestate import FileState, file_state
from trainer.rundir import RunDir

logger = logging.getLogger(__name__)

MEGABYTE = 10**6
HAND_OVER_TAKES_AT_MOST_S = 5.0
CodeState = frozenset[tuple[str, FileState | None]]


class Prewarm:
    """Keep at most one warm program while nothing runs, and launch a run with it.

    A start never waits for it: what is not ready, or has imported what changed on the disk since, is ended, and the
    run starts cold. While something runs nothing is imported, so that nobody trains beside it. One that ended by
    itself is not replaced before a start was made or the code changed, as the next would end in the same way.
    """

    def __init__(self) -> None:
        self._waiting: Waiting | None = None
        self._given_up: CodeState | None = None
        self._mutex = threading.Lock()

    def tend(self, is_idle: bool) -> None:
        """Look after it; called once a second by the process that follows the runs. `is_idle`: nothing runs."""
        code = code_state()
        with self._mutex:
            waiting = self._waiting
            if waiting is not None and waiting.look():
                self._given_up = code
            elif waiting is not None and (waiting.code != code or not (is_idle or waiting.is_ready)):
                waiting.end()
            elif waiting is not None:
                return
            self._waiting = self._new(code) if is_idle and self._given_up != code else None

    def _new(self, code: CodeState) -> Waiting | None:
        try:
            return Waiting(code)
        except OSError as error:
            logger.warning("No training program can wait for the next start: %s", error)
            self._given_up = code
            return None

    def launch(self, run: RunDir, lock_fd: int) -> bool:
        """Launch the run as launcher.launch does; False, with nothing of the run begun, when that cannot be."""
        with self._mutex:
            waiting, self._waiting, self._given_up = self._waiting, None, None
        if waiting is None:
            return False
        try:
            is_usable = not waiting.look() and waiting.is_ready and waiting.code == code_state()
            return is_usable and waiting.hand_over(run, lock_fd)
        finally:
            waiting.end()

    def memory_mb(self) -> int | None:
        """What the waiting program occupies; None while none is ready."""
        waiting = self._waiting
        return waiting.memory_mb() if waiting is not None else None

    def end(self) -> None:
        """End it at once."""
        with self._mutex:
            if self._waiting is not None:
                self._waiting.end()
            self._waiting = None


class Waiting:
    """A keeper (trainer.runner.keeper) and its program (trainer.warm), until used. Both end with this process."""

    def __init__(self, code: CodeState) -> None:
        """`code` is how the code was before anything of it is imported. Raises OSError."""
        self.code = code
        self._pid: int | None = None
        self._keeper_pid: int | None = None
        # What imports have to say; the program puts it into its run's log.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        self._socket, theirs = socket.socketpair()
        with theirs:
            arguments = [str(theirs.fileno()), os.getcwd(), search_path()]
            self._birth = subprocess.Popen(
                [sys.executable, "-m", "trainer.runner.keeper", *arguments],
                cwd=PROJECT_ROOT,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    @property
    def is_ready(self) -> bool:
        """Whether, at the last look, everything was imported."""
        return self._pid is not None

    def look(self) -> bool:
        """See what has become of it; True if it has ended, which nobody asked for."""
        self._socket.setblocking(False)
        try:
            told = self._socket.recv(64)
        except BlockingIOError:
            return False
        except OSError:
            told = b""
        if not told:
            logger.warning("The training program that was to wait has ended: %s", self._last_words())
            self.end()
            return True
        self._pid, self._keeper_pid = map(int, told.split())
        logger.info("A training program waits for the next start: process %d, %s MB.", self._pid, self.memory_mb())
        return False

    def hand_over(self, run: RunDir, lock_fd: int) -> bool:
        """Return once it trains in `run`; False if it is gone, or was ended as it did not answer, and does not."""
        self._socket.settimeout(HAND_OVER_TAKES_AT_MOST_S)
        try:
            socket.send_fds(self._socket, [os.fsencode(run.path)], [lock_fd])
            return self._socket.recv(1) == b"1"
        except TimeoutError:
            logger.warning("The training program that waited does not answer; it is killed, and the run starts cold.")
            self._kill()
            return False
        except OSError:
            return False

    def _kill(self) -> None:
        for pid in filter(None, (self._keeper_pid, self._pid)):  # To psutil None is this very process.
            with suppress(psutil.Error):
                psutil.Process(pid).kill()

    def memory_mb(self) -> int | None:
        try:
            return int(psutil.Process(self._pid).memory_info().rss) // MEGABYTE if self._pid is not None else None
        except psutil.Error:
            return None

    def end(self) -> None:
        """Leave it: without a run it ends at once. Of no effect the second time."""
        self._socket.close()
        self._said.close()
        self._birth.wait()  # It ended at the pair's birth.

    def _last_words(self) -> str:
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def code_state() -> CodeState:
    """All that tells when another program would be imported: our own files, and the folders of packages.

    To install, upgrade or remove a package changes the folder that it lies in.
    """
    own = [str(path) for path in (PROJECT_ROOT / "trainer").rglob("*.py")]
    packages = [path for path in sys.path if path not in ("", str(PROJECT_ROOT), os.getcwd())]
    return frozenset((path, file_state(path)) for path in own + packages)
