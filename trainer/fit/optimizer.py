"""The optimizer and its learning-rate schedule."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from trainer.experiment.experiment import Experiment
from trainer.experiment.sections import Scheduler, Trainer


def build_optimizer(
    experiment: Experiment, groups: list[tuple[float, list[nn.Parameter]]], device: torch.device
) -> Optimizer:
    """Build the experiment's optimizer for `groups` (see network.param_groups), each with its peak learning rate."""
    chosen = experiment.optimizer
    params = [{"params": parameters, "lr": rate} for rate, parameters in groups]
    rate, decay, fused = chosen.learning_rate, chosen.weight_decay, _is_fused(experiment.trainer, device)
    if chosen.name == "sgd":
        return SGD(params, rate, chosen.momentum, weight_decay=decay, nesterov=True, fused=fused)
    adam = Adam if chosen.name == "adam" else AdamW
    return adam(params, rate, betas=(chosen.momentum, 0.999), weight_decay=decay, fused=fused)


def _is_fused(settings: Trainer, device: torch.device) -> bool | None:
    """Fuse the step into one kernel on CUDA, unless Lightning must clip or scale the gradients. None: torch decides."""
    can_fuse = settings.precision == "32" or (settings.precision == "bf16" and settings.gradient_clip_norm is None)
    return True if device.type == "cuda" and can_fuse else None


def rate_at_step(scheduler: Scheduler, total_steps: int) -> Callable[[int], float]:
    """Return the schedule: a function from the step (from 0) to the learning rate as a fraction of its peak.

    It must not be an object: LambdaLR would store its attributes in the checkpoint, and a resume with another
    max_epochs would restore the earlier number of steps.
    """
    warmup_steps = round(scheduler.warmup_fraction * total_steps)

    def rate(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1)
        if scheduler.name == "constant":
            return 1.0
        done = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
        return 1 - done if scheduler.name == "linear" else 0.5 * (1 + math.cos(math.pi * done))

    return rate
