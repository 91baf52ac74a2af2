"""Keep a warm training program waiting: `python -m trainer.runner.keeper SERVICE_FD CWD PYTHONPATH`.

What waits is a pair, related as a run's processes are: this one, and its child trainer.warm, which imports all that a
training needs. Handed a run, this process becomes its runner by exec, which keeps pid and child; so a warm run differs
in nothing from a cold one afterwards. Both end when the service closes its end of the socket, or ends in whatever way.
Standard library only.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass

from trainer.rundir import RUN_DIR_VARIABLE, RunDir

MAX_PATH_BYTES = 4096


@dataclass
class WarmProgram:
    """A trainer.warm seen from its parent; like a Popen it has a `pid`, and a `returncode` once that was set."""

    pid: int
    channel: socket.socket
    returncode: int | None = None

    @classmethod
    def spawn(cls, cwd: str, search_path: str) -> WarmProgram:
        """Start it in a session of its own, with room in its environment for the mark of a run."""
        ours, theirs = socket.socketpair()
        room = "/" * MAX_PATH_BYTES
        with theirs:
            program = subprocess.Popen(
                [sys.executable, "-m", "trainer.warm", str(theirs.fileno()), str(os.getpid())],
                cwd=cwd,
                env=os.environ | {"PYTHONPATH": search_path, RUN_DIR_VARIABLE: room},
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        return cls(program.pid, ours)

    def begin(self, run: RunDir, lock_fd: int, log_fd: int) -> bool:
        """Let it train in `run`, with the lock held and its output in the log; False when it is gone."""
        with self.channel:
            try:
                socket.send_fds(self.channel, [os.fsencode(run.path)], [lock_fd, log_fd])
            except OSError:
                return False
        return True


def keep(service: socket.socket, program: WarmProgram) -> int:
    """Wait for a run and become its runner; return when there is none to come."""
    while True:
        readable, _, _ = select.select([service, program.channel], [], [])
        if service in readable:
            path, descriptors, _, _ = socket.recv_fds(service, MAX_PATH_BYTES, 1)
            if not descriptors:
                return 0
            _become_runner(os.fsdecode(path), descriptors[0], service, program)
        if not program.channel.recv(1):
            return 1
        service.sendall(f"{program.pid} {os.getpid()}".encode())  # it is ready


def _become_runner(run_dir: str, lock_fd: int, service: socket.socket, program: WarmProgram) -> None:
    kept = (lock_fd, service.fileno(), program.channel.fileno())
    for descriptor in kept:
        os.set_inheritable(descriptor, True)
    arguments = [run_dir, *map(str, kept), str(program.pid)]
    os.execv(sys.executable, [sys.executable, "-m", "trainer.runner", *arguments])


def main(argv: list[str]) -> int:
    service, cwd, search_path = socket.socket(fileno=int(argv[0])), argv[1], argv[2]
    if os.fork():
        os._exit(0)  # So that the other is nobody's child, and needs no server to reap it.
    program = WarmProgram.spawn(cwd, search_path)
    try:
        return keep(service, program)
    finally:
        os.killpg(program.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
