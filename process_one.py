"""The duties of process 1 of a container: pass signals on, and reap the processes that nobody else does."""

from __future__ import annotations

import os
import signal
import sys

PASSED_ON = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2}


def serve_below() -> None:
    """Return in a child of process 1; process 1 itself ends as soon as the child has, with its exit code.

    The kernel gives process 1 no signal that it has no handler for, and every orphan: each run's runner. Reaping those
    in the service itself would take the exit codes of its own children from it. Elsewhere than in process 1 nothing
    happens. Call it before any thread is started.
    """
    if os.getpid() != 1:
        return
    awaited = PASSED_ON | {signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, awaited)
        return
    while True:
        number = signal.sigwait(awaited)
        if number != signal.SIGCHLD:
            os.kill(child, number)
        elif (code := _reap(child)) is not None:
            sys.exit(code)


def _reap(child: int) -> int | None:
    """Reap all that have ended; return the exit code for process 1 once the child is among them."""
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if pid == 0:
            return None
