"""Submit the job of a run."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from app.runs.executors.executor import Needs
from app.runs.executors.slurm.commands import Commands, SlurmError
from app.runs.executors.slurm.options import for_gpus, seconds, time_limit
from trainer.rundir import RunDir

KILL_MARGIN_S = 10
"""After the grace period, the time for the kill and the verdict before SLURM itself kills the job."""
CHECKED_EVERY_S = 30
"""SLURM compares the time with the limits this often, and sends the signal as much earlier."""
MAX_SIGNAL_S = 65_535

_SCRIPT = """\
#!/bin/bash
[ -n "$SLURM_GET_USER_ENV" ] || shopt -q login_shell || exec bash -l "$0"
export PYTHONUNBUFFERED=1{gpus}
cd {root} && exec {python} -m trainer.runner {run}
"""
"""With --export=NIL some versions of SLURM load the environment of a login, which may take seconds. Others do not."""
_NO_GPUS = " CUDA_VISIBLE_DEVICES="
"""SLURM hides the GPUs that it did not allocate only if its cgroups constrain devices."""


class Submissions:
    """Submit jobs with the operator's options. The job gets nothing of our environment, so no secret."""

    def __init__(self, commands: Commands, options: Sequence[str], project_root: Path) -> None:
        self._commands = commands
        self._options = options
        self._project_root = project_root

    def submit(self, run: RunDir, needs: Needs) -> str:
        """Return the job's id. Raises SlurmError."""
        ours = [
            f"--job-name={run.run_id}",
            f"--chdir={run.path}",
            f"--output={_escape(run.executor_log)}",
            "--open-mode=append",
            f"--signal=B:USR1@{self._signal_s(_grace_s(run))}",
        ]
        printed = self._sbatch(for_gpus(self._options, needs.gpus) + ours, self._script(run, needs))
        return printed.strip().partition(";")[0]  # The name of the cluster may follow.

    def check(self) -> None:
        """Let SLURM check the operator's options. Raises SlurmError."""
        self._sbatch([*self._options, "--test-only"], "#!/bin/sh\n")

    def _sbatch(self, options: Sequence[str], script: str) -> str:
        return self._commands.run(["sbatch", "--parsable", "--no-requeue", "--export=NIL", *options], script)

    def _script(self, run: RunDir, needs: Needs) -> str:
        root, python, path = (shlex.quote(str(each)) for each in (self._project_root, sys.executable, run.path))
        return _SCRIPT.format(gpus=_NO_GPUS if needs.gpus == 0 else "", root=root, python=python, run=path)

    def _signal_s(self, grace_s: float) -> int:
        """Return how long before the time limit the runner must begin to end the run. Raises SlurmError."""
        signal_s = min(MAX_SIGNAL_S, round(grace_s) + KILL_MARGIN_S)
        limit = time_limit(self._options, self._commands.run(["sinfo", "--noheader", "--format=%P|%l|%L"]))
        if seconds(limit) <= signal_s + CHECKED_EVERY_S:
            raise SlurmError(
                f"the time limit of {limit} is too short for a grace period of {grace_s:g} s. Raise --time in "
                "TRAINING_SLURM_OPTIONS, or lower TRAINING_STOP_GRACE_S or the experiment's command.stop.grace_s"
            )
        return signal_s


def _escape(path: Path) -> str:
    r"""Write a path for --output, in which % begins a placeholder and a backslash would turn that off."""
    return str(path).replace("%", "%%")


def _grace_s(run: RunDir) -> float:
    """Return the grace period in run.json, which the service has just written."""
    grace_s = (run.read_json(run.run) or {})["program"]["stop"]["grace_s"]
    return float(grace_s)
