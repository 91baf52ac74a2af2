"""What a run needs to be launched, and whether the executor can ever give it that."""

from __future__ import annotations

from app.runs.executors.executor import Executor, Needs
from app.runs.start.request import Errors, StartRequest
from trainer.experiment.accelerators import Machine, accelerator_of
from trainer.experiment.experiment import Experiment
from trainer.experiment.sections import Trainer


def needs_of(asked: StartRequest, experiment: Experiment, executor: Executor) -> Needs:
    """Return what the request says, or else the experiment. Our trainer needs the GPUs up to its last device."""
    if asked.gpus is not None:
        return Needs(asked.gpus)
    if experiment.command is not None:
        return Needs(experiment.command.gpus)
    return Needs(_num_gpus(experiment.trainer, executor.accelerators()))


def priority_problems(asked: StartRequest, executor: Executor) -> Errors:
    """Return errors by field: a priority has no effect where runs do not wait in our queue."""
    if asked.priority == 0 or executor.queue_advice is None:
        return {}
    return {"priority": [f"Must be 0, because the service has no queue of its own. {executor.queue_advice}"]}


def gpu_problems(asked: StartRequest, experiment: Experiment, executor: Executor) -> Errors:
    """Return errors by field."""
    experiments = "trainer.devices" if experiment.command is None else "command.gpus"
    field = "gpus" if asked.gpus is not None else asked.field_of(experiments)
    num_needed, num_gpus = needs_of(asked, experiment, executor).gpus, executor.num_gpus
    if num_needed is not None and num_gpus is not None and num_needed > num_gpus:
        return {field: [f"Must be at most {num_gpus}, the number of GPUs that a run may have here."]}
    if asked.gpus is None or experiment.command is not None:
        return {}
    num_devices = _num_gpus(experiment.trainer, executor.accelerators())
    if num_devices is not None and asked.gpus < num_devices:
        problem = f"Must be at least {num_devices}, because trainer.devices uses that many GPUs."
        return {field: [f"{problem} With trainer.accelerator: cpu the training needs none."]}
    return {}


def _num_gpus(chosen: Trainer, machine: Machine | None) -> int | None:
    """Return how many GPUs our trainer must see. None: unknown.

    If the accelerators are unknown, several devices mean GPUs: for several processes on the CPU `accelerator` is cpu.
    """
    num_devices = max(chosen.devices) + 1
    if machine is None and chosen.accelerator == "auto":
        return num_devices if num_devices > 1 else None
    return num_devices if accelerator_of(chosen, machine or Machine()) == "cuda" else 0
