"""What a run needs to be launched, and whether the executor can ever give it that."""

from __future__ import annotations

from app.runs.executors.executor import Executor, Needs
from app.runs.start.request import Errors, StartRequest
from trainer.experiment.accelerators import accelerator_of
from trainer.experiment.experiment import Experiment


def needs_of(asked: StartRequest, experiment: Experiment, executor: Executor) -> Needs:
    """Return what the request says, or else the experiment. Our trainer needs the GPUs up to its last device."""
    if asked.gpus is not None:
        return Needs(asked.gpus)
    if experiment.command is not None:
        return Needs(experiment.command.gpus)
    return Needs(_devices(experiment, executor))


def priority_problems(asked: StartRequest, executor: Executor) -> Errors:
    """Return errors by field: a priority has no effect where runs do not wait in our queue."""
    if asked.priority == 0 or executor.queue_advice is None:
        return {}
    return {"priority": [f"Must be 0, because the service has no queue of its own. {executor.queue_advice}"]}


def gpu_problems(asked: StartRequest, experiment: Experiment, executor: Executor) -> Errors:
    """Return errors by field."""
    field = "gpus" if asked.gpus is not None else "command.gpus"
    num_needed, num_gpus = needs_of(asked, experiment, executor).gpus, executor.num_gpus
    if num_needed is not None and num_gpus is not None and num_needed > num_gpus:
        return {field: [f"Must be at most {num_gpus}, the number of GPUs that a run may have here."]}
    num_devices = None if experiment.command is not None else _devices(experiment, executor)
    if asked.gpus is not None and num_devices is not None and asked.gpus < num_devices:
        return {field: [f"Must be at least {num_devices}, because trainer.devices uses that many GPUs."]}
    return {}


def _devices(experiment: Experiment, executor: Executor) -> int | None:
    """Return how many GPUs our trainer must see. None: nobody knows the accelerators."""
    machine = executor.accelerators()
    if machine is None:
        return None
    is_cuda = accelerator_of(experiment.trainer, machine) == "cuda"
    return max(experiment.trainer.devices) + 1 if is_cuda else 0
