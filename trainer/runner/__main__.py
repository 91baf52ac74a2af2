"""`python -m trainer.runner RUN_DIR [LOCK_FD [REPLY_FD CHANNEL_FD PID]]`: launch a run and own it (runner.py).

The keeper adds the last three arguments when it hands over a prewarmed program. Without a lock the runner is the job of
a cluster (job.py) and stays in the foreground.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from pathlib import Path

from trainer.rundir import RunDir
from trainer.runner import process
from trainer.runner.job import Job
from trainer.runner.program import WarmProgram
from trainer.runner.runner import ALREADY_LAUNCHED, Runner
from trainer.runner.statefile import AlreadyLaunched

EXIT_CODES = {b"1": 0, b"0": 1, b"2": ALREADY_LAUNCHED}
"""What the runner replies when it has tried to launch the program, and its exit code. No reply: 1."""


def main(argv: list[str]) -> int:
    """Return 0 as soon as the program is launched, 1 if it cannot be, and ALREADY_LAUNCHED if it was before.

    A second process continues the run. It is an orphan, so no server has to reap it. When the first one exits,
    state.json is written. A process that was trainer.runner.keeper is already an orphan and continues itself. So does
    the job of a cluster, which also returns 1 if the run has failed.
    """
    run = RunDir(Path(argv[0]))
    if not argv[1:]:
        return own_as_job(run)
    lock_fd = int(argv[1])
    if argv[2:]:
        reply_fd, channel_fd, pid = map(int, argv[2:])
        own(run, lock_fd, reply_fd, WarmProgram(pid, socket.socket(fileno=channel_fd)))
        return 0
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        return EXIT_CODES.get(os.read(reader, 1), 1)
    os.close(reader)
    own(run, lock_fd, writer, None)
    return 0


def own(run: RunDir, lock_fd: int, reply_fd: int, warm: WarmProgram | None) -> None:
    """Launch the program, write one of EXIT_CODES to `reply_fd`, and return when the run is over."""
    runner = _make_runner(run, (lock_fd,), None)
    if runner is None:
        os.write(reply_fd, b"2")
        return
    has_launched = runner.launch(warm)
    with contextlib.suppress(BrokenPipeError):  # The service may have exited. The run continues.
        os.write(reply_fd, b"1" if has_launched else b"0")
    os.close(reply_fd)
    if has_launched:
        runner.wait()


def own_as_job(run: RunDir) -> int:
    """Launch the program and return the exit code when the run is over."""
    runner = _make_runner(run, (), Job(run.heartbeat))
    if runner is None:
        return ALREADY_LAUNCHED
    if runner.launch(None):
        runner.wait()
    return 0 if runner.ended_well else 1


def _make_runner(run: RunDir, lock_fds: tuple[int, ...], as_job: Job | None) -> Runner | None:
    """Return None, with a message on stderr, if the run was launched before."""
    process.adopt_orphans()
    try:
        runner = Runner(run, lock_fds, json.loads(run.run.read_bytes())["program"], as_job)
    except AlreadyLaunched as error:
        print(f"runner: {error}", file=sys.stderr)
        return None
    _write_log_to(run.log)  # Not earlier: the service reads errors before this point from stderr.
    return runner


def _write_log_to(path: Path) -> None:
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    os.close(log)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
