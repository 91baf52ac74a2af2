"""Launch the runner of a run as an orphan."""

from __future__ import annotations

import subprocess
import sys

from app.installation import CODE_DIR
from app.runs.exceptions import LaunchFailed
from app.runs.executors.invocation import environment
from trainer.rundir import GPUS_VARIABLE, RunDir
from trainer.runner.runner import ALREADY_LAUNCHED
from trainer.runner.statefile import has_verdict, read_record


def launch(run: RunDir, lock_fd: int, gpus: str | None) -> None:
    """Start the runner, and return when it has launched the program. Raises LaunchFailed.

    `gpus` is the CUDA_VISIBLE_DEVICES of the program. None: that of the service. The runner is an orphan then: it does
    not depend on a server process, and none has to reap it.
    """
    try:
        launched = subprocess.run(
            [sys.executable, "-m", "trainer.runner", str(run.path), str(lock_fd)],
            cwd=CODE_DIR,
            env=environment() | ({} if gpus is None else {GPUS_VARIABLE: gpus}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(lock_fd,),
            start_new_session=True,
        )
    except OSError as error:
        raise LaunchFailed(f"cannot start the runner: {error}", run.run_id) from error
    if launched.returncode == 0:
        return
    if launched.returncode == ALREADY_LAUNCHED:
        raise LaunchFailed("the run was launched before", run.run_id)
    record = read_record(run)
    if has_verdict(record):
        raise LaunchFailed(str(record.get("reason")), run.run_id)
    lines = launched.stderr.decode("utf-8", errors="replace").strip().splitlines()
    message = lines[-1] if lines else "no message"
    raise LaunchFailed(f"the runner exited before the program started: {message}", run.run_id)
