"""Own the daemons of a test cluster: `python -m tests.slurm.keeper`.

Each line of its standard input is a JSON list of arguments: the keeper starts that program and prints its pid. At the
end of its input it kills everything that descends from these programs, jobs included, and exits. The input also ends
when the tests are killed, so nothing outlives them.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys

from trainer.runner import process


def main() -> None:
    process.adopt_orphans()  # A slurmstepd is nobody's child.
    signal.signal(signal.SIGCHLD, lambda *_: _reap())
    for line in sys.stdin:
        argv = json.loads(line)
        print(os.posix_spawn(argv[0], argv, os.environ), flush=True)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _kill_all()


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _kill_all() -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            for pid in process.descendants(os.getpid(), process.parents()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            os.waitpid(-1, 0)


if __name__ == "__main__":
    main()
