"""The other processes of a training on several devices, seen from its leader. No torch.

They are started early, so that they import torch while the leader does, and wait on their stdin for what to train.
They are the leader's children: signals are for the leader alone, and they end with it. When one of them fails, the
leader ends at once with its reason, so that nobody waits for one who is gone. Whoever has done its part says so before
it ends, which may be long before the leader has: a checkpoint is brought to the disk by the leader alone.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from types import TracebackType

from trainer.request import Place, Request
from trainer.runner import oom, verdict

SPEAK_WITHIN_S = 2.0
"""When the leader fails, another process may have failed before, and be the reason; so long it may say so."""
END_WITHIN_S = 10.0
"""From the end of the fit until the others must have ended by themselves."""


class FailedElsewhere(Exception):
    """Another process of this training failed, and is the one to say why."""


@dataclass(frozen=True)
class Order:
    """What a process gets to do: its own place is in the request; the leader is met at `port`."""

    request: Request
    port: int


@dataclass(frozen=True)
class Failure:
    """Why a process failed; `traceback` is empty where the reason says everything."""

    reason: str
    traceback: str = ""


class Ranks:
    """The processes of all ranks but 0, which is the leader. Create it in the main thread: they end with that."""

    def __init__(self, size: int) -> None:
        """`size`: of all together, the leader included."""
        self.size = size
        self._oom_kills = oom.oom_kills()
        self._began_s = time.monotonic()
        self._is_at_work = False
        self._is_over = False
        self._one_speaks = threading.Lock()
        self._processes = {rank: _start(rank) for rank in range(1, size)}
        self._watchers = [
            threading.Thread(target=self._watch, args=each, name=f"rank-{each[0]}", daemon=True)
            for each in self._processes.items()
        ]
        for watcher in self._watchers:
            watcher.start()

    def send(self, request: Request, port: int) -> None:
        """Let them train what the leader trains."""
        self._is_at_work = True
        for rank, process in self._processes.items():
            order = Order(replace(request, place=Place(rank, self.size), show_bar=False), port)
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError), process.stdin:  # its end is told by who watches it
                pickle.dump(order, process.stdin)

    def finish(self) -> None:
        """Wait until they have ended, as they do after the fit; from now on none of them can fail any more."""
        self._is_over = True
        self._join(END_WITHIN_S)
        self._end()

    def __enter__(self) -> Ranks:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End them. If the leader failed because another process did, that one's reason is told and this is the end."""
        if isinstance(error, Exception) and self._is_at_work and not self._is_over:
            self._join(SPEAK_WITHIN_S)
        with self._one_speaks:
            self._is_over = True
        self._end()

    def _join(self, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        for watcher in self._watchers:
            watcher.join(max(0.0, deadline - time.monotonic()))

    def _end(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()

    def _watch(self, rank: int, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout:
            report = process.stdout.read()  # until it ends
        exit_code = process.wait()
        with self._one_speaks:
            if not self._is_over:
                try:
                    failure = pickle.loads(report)
                except (EOFError, pickle.UnpicklingError):  # it was killed before it could tell, or meanwhile
                    failure = Failure(self._reason(rank, process.pid, exit_code))
                if failure is not None:
                    self._end()
                    _fail(failure)

    def _reason(self, rank: int, pid: int, exit_code: int) -> str:
        name = f"process {rank + 1} of the {self.size} that train together"
        if exit_code >= 0:
            return f"{name} ended with exit code {exit_code}"
        is_oom = oom.was_oom_killed(pid, self._began_s, self._oom_kills, oom.oom_kills())
        return f"{name} was killed by {verdict.signal_name(-exit_code)}{' (out of memory)' if is_oom else ''}"


def _start(rank: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "trainer.rank", str(rank), str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,  # for its Failure, or None when its part is done; what it prints goes to stderr
    )


def _fail(failure: Failure) -> None:
    """End this process, whatever its main thread waits for."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.write(f"{failure.traceback}error: {failure.reason}\n")
        sys.stderr.flush()
    os._exit(1)
