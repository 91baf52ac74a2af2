"""Launch the runner of a run as an orphan."""

from __future__ import annotations

import subprocess
from io import BytesIO

from app.runs import child
from app.runs.exceptions import LaunchFailed
from trainer.rundir import GPUS_VARIABLE, RunDir
from trainer.runner.runner import ALREADY_LAUNCHED
from trainer.runner.statefile import has_verdict, read_record


def launch(run: RunDir, lock_fd: int, gpus: str | None) -> None:
    """Start the runner, and return when it has launched the program. Raises LaunchFailed.

    `gpus` is the CUDA_VISIBLE_DEVICES of the program. None: that of the service. The runner becomes an orphan: no
    server process has to live on or to reap it.
    """
    try:
        launched = child.spawn(
            "trainer.runner",
            str(run.path),
            str(lock_fd),
            env=child.environment() | ({} if gpus is None else {GPUS_VARIABLE: gpus}),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(lock_fd,),
            start_new_session=True,
        )
    except OSError as error:
        raise LaunchFailed(f"cannot start the runner: {error}", run.run_id) from error
    _, errors = launched.communicate()
    if launched.returncode == 0:
        return
    if launched.returncode == ALREADY_LAUNCHED:
        raise LaunchFailed("the run was already launched", run.run_id)
    record = read_record(run)
    if has_verdict(record):
        raise LaunchFailed(str(record.get("reason")), run.run_id)
    message = child.last_line(BytesIO(errors)) or "no message"
    raise LaunchFailed(f"the runner exited before the program started: {message}", run.run_id)
