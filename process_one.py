"""Do the duties of process 1 of a container: pass signals on, and reap orphans."""

from __future__ import annotations

import os
import signal
import sys

PASSED_ON = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2}


def serve_below() -> None:
    """Return in a child of process 1. Process 1 itself exits with the child's exit code as soon as the child ends.

    The kernel delivers to process 1 only signals that it has a handler for, and makes it the parent of every orphan,
    such as each run's runner. If the service itself reaped orphans, it would take the exit codes of its own children
    from them. In any other process nothing happens. Call this before a thread starts.
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
    """Reap every process that has ended. Return the exit code for process 1 once the child is among them."""
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if pid == 0:
            return None
