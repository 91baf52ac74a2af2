"""The state of torch's random generators: the CPU's, and the one of the device, which draws for dropout there."""

from __future__ import annotations

import torch
from torch import Tensor


def random_state(device: torch.device) -> Tensor:
    """Return the state of the CPU's generator followed by that of `device`: (n,) uint8, on the CPU."""
    return torch.cat([torch.get_rng_state(), _device_state(device)])


def restore_random_state(state: Tensor, device: torch.device) -> None:
    """Restore what `random_state` returned. The state of another kind of device is ignored."""
    num_bytes = len(torch.get_rng_state())
    torch.set_rng_state(state[:num_bytes])
    of_device = state[num_bytes:]
    if len(of_device) and len(of_device) == len(_device_state(device)):
        torch.get_device_module(device).set_rng_state(of_device)


def _device_state(device: torch.device) -> Tensor:
    if device.type == "cpu":
        return torch.empty(0, dtype=torch.uint8)
    state: Tensor = torch.get_device_module(device).get_rng_state()
    return state
