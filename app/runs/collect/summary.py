"""Summarise the metrics of a run, wherever they are read from."""

from __future__ import annotations

from app.runs.collect.runmetrics import MetricsFile
from app.runs.exceptions import MetricsUnreadable
from app.runs.metrics.inspection import inspect
from app.runs.metrics.summary import Summary, summarise
from app.runs.metrics.tables import read


def summarise_file(metrics: MetricsFile) -> Summary:
    """Summarise a run's metrics. The summary is empty without a file, and for one that cannot be read."""
    file, is_final, declared = metrics.file, metrics.is_final, metrics.declared
    if file is None:
        return Summary()
    try:
        return read(lambda: inspect(file, is_final=is_final, declared=declared), summarise)
    except MetricsUnreadable:
        return Summary()
