"""Measure the usage of the machine, of its GPUs and of a run's processes."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import pynvml

from app.runs.executors.executor import Processes, Ref
from app.runs.store.run import Run
from trainer.runner import process

logger = logging.getLogger(__name__)

MEGABYTE = 10**6


class SystemMonitor:
    """The monitor of usage. CPU percentages cover the time since the previous call. For a run 100 means one core."""

    def __init__(
        self,
        disk_path: Path,
        processes_of: Callable[[Ref], Processes],
        prewarm_memory_mb: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._disk_path = disk_path
        self._processes_of = processes_of
        self._prewarm_memory_mb = prewarm_memory_mb
        self._processes: dict[int, psutil.Process] = {}
        self._has_gpus: bool | None = None

    def measure(self, active: Sequence[Run]) -> dict[str, Any]:
        """Return the payload of the event `system`.

        `runs` covers the processes of each active run, and names its GPUs. `run` is the one of the run that started
        last, or None.
        """
        gpus = self._gpus()
        memory = psutil.virtual_memory() if process.can_search() else None
        runs = self._of_runs(active, gpus)
        return {
            "time": round(time.time()),
            "cpu_percent": psutil.cpu_percent() if memory is not None else None,
            "num_cpus": os.cpu_count(),
            "memory_used_mb": (memory.total - memory.available) // MEGABYTE if memory is not None else None,
            "memory_total_mb": memory.total // MEGABYTE if memory is not None else None,
            "disk_free_mb": self._disk_free_mb(),
            "prewarm_memory_mb": self._prewarm_memory_mb(),
            "gpus": gpus,
            "run": next(iter(runs), None),
            "runs": list(filter(None, runs)),
        }

    def _disk_free_mb(self) -> int | None:
        existing = next((path for path in (self._disk_path, *self._disk_path.parents) if path.exists()), None)
        return psutil.disk_usage(str(existing)).free // MEGABYTE if existing else None

    def _of_runs(self, active: Sequence[Run], gpus: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | None]:
        before, self._processes = self._processes, {}
        return [self._of_run(Ref.read(run.directory), before, gpus) for run in active]

    def _of_run(
        self, run: Ref, before: Mapping[int, psutil.Process], gpus: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any] | None:
        runner, others = self._processes_of(run)
        if runner is None:
            return None
        cpu_percent, memory, num_processes = 0.0, 0, 0
        for pid in (runner, *others):
            try:
                # Reuse the object, because it remembers the CPU time of the previous call.
                member = before.get(pid) or psutil.Process(pid)
                cpu_percent += member.cpu_percent()
                memory += member.memory_info().rss
            except psutil.Error:
                continue
            num_processes += 1
            self._processes[pid] = member
        return {
            "run_id": run.run_id,
            "cpu_percent": round(cpu_percent, 1),
            "memory_mb": memory // MEGABYTE,
            "num_processes": num_processes,
            "gpus": [gpu["index"] for gpu in gpus if {gpu["uuid"], str(gpu["index"])} & set(run.gpus or ())],
        }

    def _gpus(self) -> list[dict[str, Any]]:
        if self._has_gpus is None:
            self._has_gpus = _has_nvml()
        if not self._has_gpus:
            return []
        try:
            return [_gpu(index) for index in range(pynvml.nvmlDeviceGetCount())]
        except pynvml.NVMLError:  # The driver was unloaded.
            return []


def _has_nvml() -> bool:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        logger.info("No GPU usage: %s.", error)
        return False
    return True


def _gpu(index: int) -> dict[str, Any]:
    """Measure one GPU. Values that its driver does not report are None, and all values of a GPU that is lost."""

    def query(function: Any, *arguments: Any) -> Any:
        try:
            return function(pynvml.nvmlDeviceGetHandleByIndex(index), *arguments)
        except pynvml.NVMLError:
            return None

    memory = query(pynvml.nvmlDeviceGetMemoryInfo)
    utilisation = query(pynvml.nvmlDeviceGetUtilizationRates)
    power_mw = query(pynvml.nvmlDeviceGetPowerUsage)
    return {
        "index": index,
        "uuid": query(pynvml.nvmlDeviceGetUUID),
        "name": query(pynvml.nvmlDeviceGetName),
        "utilisation_percent": utilisation and utilisation.gpu,
        "memory_used_mb": memory and memory.used // MEGABYTE,
        "memory_total_mb": memory and memory.total // MEGABYTE,
        "temperature_c": query(pynvml.nvmlDeviceGetTemperature, pynvml.NVML_TEMPERATURE_GPU),
        "power_w": power_mw and power_mw / 1000,
    }
