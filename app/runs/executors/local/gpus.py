"""Find the NVIDIA GPUs of this machine that runs may use, without torch."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

import pynvml

from trainer.experiment.accelerators import Machine

AMPERE = 8
"""The first major compute capability that supports bf16."""


class GpuNotFound(ValueError):
    """This machine has no such GPU. The message lists the GPUs that it has."""


def find_gpus(wanted: Sequence[str] | None, visible: str | None) -> tuple[str, ...] | None:
    """Return the UUIDs of the GPUs to divide among the runs.

    `wanted` are indices and UUIDs. None: all that `visible`, the service's own CUDA_VISIBLE_DEVICES, leaves.
    Return None if NVML shows no GPU at all: then a run sees whatever exists, such as an AMD or Apple GPU. Without NVML,
    return `wanted` unchanged. Raises GpuNotFound.
    """
    present = _uuids()
    if not present:
        return None if wanted is None else tuple(wanted)
    names = wanted if wanted is not None else present.values() if visible is None else visible.split(",")
    found: list[str] = []
    for name in filter(None, map(str.strip, names)):
        uuid = _uuid_of(name, present)
        if uuid is not None:
            found.append(uuid)
        elif wanted is not None:
            raise GpuNotFound(f"names {name}, but this machine has the GPUs {', '.join(_listed(present))}")
        else:
            break  # CUDA ignores what follows an invalid name, such as -1.
    return tuple(dict.fromkeys(found))


def accelerators_here(gpus: Sequence[str] | None) -> Machine | None:
    """Describe what a training with these GPUs would see. None: unknown without torch (Apple, ROCm)."""
    if gpus is None and (sys.platform == "darwin" or os.path.exists("/dev/kfd")):
        return None
    if gpus and not _uuids():
        return None
    return Machine(tuple(map(_has_bf16, gpus or ())))


def _uuids() -> dict[int, str]:
    """Return the UUIDs of all GPUs by index, without those that are lost. Empty without NVML."""
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError:
        return {}
    uuids: dict[int, str] = {}
    for index in range(count):
        with suppress(pynvml.NVMLError):
            uuids[index] = pynvml.nvmlDeviceGetUUID(pynvml.nvmlDeviceGetHandleByIndex(index))
    return uuids


def _uuid_of(name: str, present: Mapping[int, str]) -> str | None:
    """Find a GPU by index, or by its UUID or the beginning of it, as CUDA does."""
    if name.isdecimal():
        return present.get(int(name))
    if name.startswith("MIG-"):
        return name if _is_handle(name) else None
    return next((uuid for uuid in present.values() if uuid.startswith(name)), None)


def _is_handle(uuid: str) -> bool:
    try:
        pynvml.nvmlDeviceGetHandleByUUID(uuid.encode())
    except pynvml.NVMLError:
        return False
    return True


def _listed(present: Mapping[int, str]) -> list[str]:
    return [f"{index} ({uuid})" for index, uuid in present.items()]


def _has_bf16(uuid: str) -> bool:
    try:
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid.encode())
        major, _ = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
    except pynvml.NVMLError:
        return True  # Only the training can find out.
    return bool(major >= AMPERE)
