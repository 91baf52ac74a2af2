"""The metrics of the runs, the queue and the machine, read for each scrape."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.domain import Domain
from app.runs.follow.system import MEGABYTE

MAX_AGE_S = 30
"""Leave out older measurements of the machine: a value that no longer changes would look like an idle machine."""

Scale = Callable[[Any], float]


def _of_megabytes(value: Any) -> float:
    return float(value) * MEGABYTE


def _of_percent(value: Any) -> float:
    return float(value) / 100


MACHINE: Sequence[tuple[str, str, str, Scale]] = (
    ("cpu_percent", "training_machine_cpu_ratio", "How busy the machine's CPUs are, from 0 to 1.", _of_percent),
    ("memory_used_mb", "training_machine_memory_used_bytes", "Used memory of the machine.", _of_megabytes),
    ("memory_total_mb", "training_machine_memory_total_bytes", "Memory of the machine.", _of_megabytes),
    ("disk_free_mb", "training_disk_free_bytes", "Free space on the disk of the runs.", _of_megabytes),
)
GPU: Sequence[tuple[str, str, str, Scale]] = (
    ("utilisation_percent", "training_gpu_ratio", "How busy a GPU is, from 0 to 1.", _of_percent),
    ("memory_used_mb", "training_gpu_memory_used_bytes", "Used memory of a GPU.", _of_megabytes),
    ("memory_total_mb", "training_gpu_memory_total_bytes", "Memory of a GPU.", _of_megabytes),
    ("temperature_c", "training_gpu_temperature_celsius", "Temperature of a GPU.", float),
    ("power_w", "training_gpu_power_watts", "Power of a GPU.", float),
)
RUN: Sequence[tuple[str, str, str, Scale]] = (
    ("cpu_percent", "training_run_cpu_cores", "CPU cores that a run's processes keep busy.", _of_percent),
    ("memory_mb", "training_run_memory_bytes", "Resident memory of a run's processes.", _of_megabytes),
)


class DomainCollector(Collector):
    """Every process of the service yields the same values, because they come from files and from the machine."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics, without values that are unknown. Raises RunsUnreadable."""
        counts = self._domain.offload(self._domain.catalogue.count)
        by_state = (([state], count) for state, count in counts.items())
        yield _family("training_runs", "Runs by state.", ["state"], by_state)
        yield from _active(self._domain.status.describe()["active"])
        yield GaugeMetricFamily("training_queue_runs", "Queued runs.", value=len(self._domain.queue.ids()))
        yield GaugeMetricFamily(
            "training_queue_paused", "1 while the queue is paused.", value=self._domain.queue.is_paused
        )
        with suppress(OSError):  # The list cannot be read at this moment, so the number is unknown.
            pending = self._domain.notifier.num_pending()
            yield GaugeMetricFamily("training_notifications_pending", "Messages still to be sent.", value=pending)
        measures = self._domain.usage.latest
        if measures is not None and time.time() - measures["time"] < MAX_AGE_S:
            yield from _machine(measures)


def _active(active: Sequence[Mapping[str, Any]]) -> Iterator[Metric]:
    labels = ["run_id", "state", "config_name"]
    runs = [([run["run_id"], run["state"], run["config_name"] or ""], 1) for run in active]
    yield _family("training_run_info", "The active runs. Always 1.", labels, runs)
    for field, name, doc, scale in (
        ("percent", "training_run_progress_ratio", "How much of an active run is done, from 0 to 1.", _of_percent),
        ("eta_s", "training_run_eta_seconds", "Time left for an active run.", float),
    ):
        of_training = [run for run in active if (run["progress"] or {}).get("scope") == "training"]
        values = (([run["run_id"]], scale(run["progress"].get(field))) for run in _with(of_training, field))
        yield _family(name, doc, ["run_id"], values)


def _with(active: Sequence[Mapping[str, Any]], field: str) -> list[Mapping[str, Any]]:
    return [run for run in active if run["progress"].get(field) is not None]


def _machine(measures: Mapping[str, Any]) -> Iterator[Metric]:
    for field, name, doc, scale in MACHINE:
        yield _family(name, doc, [], (([], scale(value)) for value in [measures[field]] if value is not None))
    labelled = [([str(gpu["index"]), gpu["uuid"] or "", gpu["name"] or ""], gpu) for gpu in measures["gpus"]]
    yield from _each(GPU, ["gpu", "uuid", "name"], labelled)
    yield from _each(RUN, ["run_id"], [([run["run_id"]], run) for run in measures["runs"]])


def _each(
    metrics: Sequence[tuple[str, str, str, Scale]],
    labels: Sequence[str],
    measured: Sequence[tuple[list[str], Mapping[str, Any]]],
) -> Iterator[Metric]:
    for field, name, doc, scale in metrics:
        values = ((values, scale(each[field])) for values, each in measured if each[field] is not None)
        yield _family(name, doc, labels, values)


def _family(name: str, doc: str, labels: Sequence[str], values: Any) -> GaugeMetricFamily:
    """Return a gauge. `values` yields the values of the labels and the value of each series."""
    family = GaugeMetricFamily(name, doc, labels=labels)
    for of_labels, value in values:
        # A file of a run may hold half of a surrogate pair, which UTF-8 cannot encode.
        family.add_metric([label.encode(errors="replace").decode() for label in of_labels], value)
    return family
