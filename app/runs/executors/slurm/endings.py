"""How a run without a verdict ended, from what SLURM says about its job."""

from __future__ import annotations

from app.runs.executors.executor import Gone
from app.runs.executors.slurm.job import Job
from trainer.rundir import RunDir, is_there
from trainer.runner.verdict import FAILED, INTERRUPTED, log_tail

_REASONS = {
    "BOOT_FAIL": (INTERRUPTED, "its node did not boot"),
    "CANCELLED": (INTERRUPTED, "the job was cancelled, by scancel or by SLURM itself"),
    "DEADLINE": (FAILED, "the job reached its deadline"),
    "NODE_FAIL": (INTERRUPTED, "the node failed"),
    "OUT_OF_MEMORY": (FAILED, "the job needed more memory than --mem in TRAINING_SLURM_OPTIONS allows"),
    "PREEMPTED": (INTERRUPTED, "the job was preempted"),
    "REVOKED": (INTERRUPTED, "the job was revoked"),
}


def ending(run: RunDir, job: Job | None) -> Gone:
    """Say how the run ended. `job` None: SLURM no longer lists it."""
    has_begun = is_there(run.heartbeat)
    if job is None:
        lost = "SLURM no longer lists the job" if has_begun else "SLURM lost the job before the run began"
        return Gone(INTERRUPTED, lost)
    if job.state == "TIMEOUT":
        return Gone(FAILED, f"SLURM time limit of {job.time_limit} reached, and the run was killed before it could end")
    if job.state in _REASONS:
        state, reason = _REASONS[job.state]
        return Gone(state, f"SLURM: {reason}{_where(job)}{'' if has_begun else ', before the run began'}")
    if has_begun:
        return Gone(INTERRUPTED, f"the runner was killed{_where(job)}")
    lines = log_tail(run.executor_log).strip().splitlines()
    said = lines[-1] if lines else f"it printed nothing. Does the node{_where(job)} share the folder {run.path}?"
    return Gone(FAILED, f"the job ended before the run began: {said}")


def _where(job: Job) -> str:
    return f" ({job.node})" if job.node is not None else ""
