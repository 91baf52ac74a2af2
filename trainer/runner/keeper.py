"""Prewarm a training program: `python -m trainer.runner.keeper SERVICE_FD CWD PYTHONPATH`.

The keeper starts trainer.warm, which imports everything that a training needs, and waits for a run. When a run comes,
the keeper becomes its runner by exec, which keeps its pid and its child. So a warm run has the same two processes as a
cold one. Both exit when the service exits or closes its end of the socket. Standard library only.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys

from trainer.rundir import RUN_DIR_VARIABLE
from trainer.runner.program import WarmProgram, accept

MAX_PATH_BYTES = 4096
MAX_MESSAGE_BYTES = 2 * MAX_PATH_BYTES


def spawn(cwd: str, search_path: str) -> WarmProgram:
    """Start trainer.warm in its own session. Its environment has room for the path of a run directory."""
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
    return WarmProgram(program.pid, ours)


def keep(service: socket.socket, program: WarmProgram) -> int:
    """Wait for a run and become its runner. Return when the service or the program has exited."""
    while True:
        readable, _, _ = select.select([service, program.channel], [], [])
        if service in readable:
            message, descriptors, _, _ = socket.recv_fds(service, MAX_MESSAGE_BYTES, 1)
            if not descriptors:
                return 0
            run_dir = accept(message)
            _become_runner(run_dir, descriptors[0], service, program)
        if not program.channel.recv(1):
            return 1
        service.sendall(f"{program.pid} {os.getpid()}".encode())  # The program is ready.


def _become_runner(run_dir: str, lock_fd: int, service: socket.socket, program: WarmProgram) -> None:
    descriptors = (lock_fd, service.fileno(), program.channel.fileno())
    for descriptor in descriptors:
        os.set_inheritable(descriptor, True)
    arguments = [run_dir, *map(str, descriptors), str(program.pid)]
    os.execv(sys.executable, [sys.executable, "-m", "trainer.runner", *arguments])


def main(argv: list[str]) -> int:
    service, cwd, search_path = socket.socket(fileno=int(argv[0])), argv[1], argv[2]
    if os.fork():
        os._exit(0)  # The child is an orphan now, so no server has to reap it.
    program = spawn(cwd, search_path)
    try:
        return keep(service, program)
    finally:
        os.killpg(program.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
