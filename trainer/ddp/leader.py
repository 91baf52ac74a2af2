"""The processes of a training on several devices, as rank 0, their leader, starts and watches them. Imports no torch.

The leader starts the other ranks early, so that they import torch while it does. Each waits on stdin for its request.
The ranks ignore SIGTERM and SIGINT, and end with the leader. When a rank fails, the leader prints its reason and exits
at once, so that no process waits for a missing one. A rank whose work is done reports that before it exits. It may exit
long before the leader, which alone writes the checkpoints.
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

from trainer.request import Rank, Request
from trainer.runner import verdict
from trainer.runner.oom import OomCounter

FAILURE_REPORT_TIMEOUT_S = 2.0
"""How long a failed leader waits for the report of another rank, whose failure may be the cause."""
EXIT_TIMEOUT_S = 10.0
"""How long the other ranks may run after the fit before they are killed."""


class OtherRankFailed(Exception):
    """Another rank failed. Only that rank reports the reason."""


@dataclass(frozen=True)
class RankRequest:
    """What the leader sends to a rank."""

    request: Request
    port: int
    """Where the leader's store listens."""


@dataclass(frozen=True)
class Failure:
    """Why a rank failed."""

    reason: str
    traceback: str = ""
    """Empty if the reason is sufficient."""


class Ranks:
    """The processes of all ranks but the leader. Create it in the main thread, because they end with that thread."""

    def __init__(self, world_size: int) -> None:
        """`world_size` includes the leader."""
        self.world_size = world_size
        self._oom_counter = OomCounter()
        self._have_request = False
        self._is_over = False
        self._failure_lock = threading.Lock()
        self._processes = {rank: _start(rank) for rank in range(1, world_size)}
        self._watchers = [
            threading.Thread(target=self._watch, args=each, name=f"rank-{each[0]}", daemon=True)
            for each in self._processes.items()
        ]
        for watcher in self._watchers:
            watcher.start()

    def send(self, request: Request, port: int) -> None:
        """Start the training in the other ranks."""
        self._have_request = True
        for index, process in self._processes.items():
            rank_request = RankRequest(replace(request, rank=Rank(index, self.world_size), show_bar=False), port)
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError), process.stdin:  # its watcher reports that it exited
                pickle.dump(rank_request, process.stdin)

    def finish(self) -> None:
        """Wait for the ranks to exit after the fit, then kill the rest. From now on a rank's exit is not a failure."""
        self._is_over = True
        self._join(EXIT_TIMEOUT_S)
        self._kill()

    def __enter__(self) -> Ranks:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Kill the ranks. If the leader failed because another rank did, exit with the reason of that rank instead."""
        if isinstance(error, Exception) and self._have_request and not self._is_over:
            self._join(FAILURE_REPORT_TIMEOUT_S)
        with self._failure_lock:
            self._is_over = True
        self._kill()

    def _join(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        for watcher in self._watchers:
            watcher.join(max(0.0, deadline - time.monotonic()))

    def _kill(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()

    def _watch(self, rank: int, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout:
            report = process.stdout.read()  # until the process exits
        exit_code = process.wait()
        with self._failure_lock:
            if not self._is_over:
                try:
                    failure = pickle.loads(report)
                except (EOFError, pickle.UnpicklingError):  # it was killed before or during its report
                    failure = Failure(self._reason(rank, exit_code))
                if failure is not None:
                    self._kill()
                    _exit_with(failure)

    def _reason(self, rank: int, exit_code: int) -> str:
        name = f"the process of rank {rank} (of {self.world_size} ranks)"
        if exit_code >= 0:
            return f"{name} exited with code {exit_code}"
        is_oom = self._oom_counter.has_risen
        return f"{name} was killed by {verdict.signal_name(-exit_code)}{' (out of memory)' if is_oom else ''}"


def _start(rank: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "trainer.rank", str(rank), str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,  # a pickled Failure, or None for success; everything printed goes to stderr
    )


def _exit_with(failure: Failure) -> None:
    """Exit this process, even while its main thread waits in native code."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.write(f"{failure.traceback}error: {failure.reason}\n")
        sys.stderr.flush()
    os._exit(1)
