"""Describe a run's usage for clients."""

from __future__ import annotations

import socket
from typing import Any

from app.runs.store.run import Run
from app.runs.store.states import QUEUED
from app.runs.usage.rows import OF_GPU, OF_RUN, TIME, columns_of, every_s, gpu_column, gpu_indices
from app.runs.usage.usagefile import read_rows


def usage_problem(run: Run) -> str | None:
    """Say why a run has no usage. None: it has some."""
    if not run.is_ours:
        return "the service measures only its own runs"
    if run.directory.file(run.directory.usage).exists():
        return None
    if run.state == QUEUED:
        return "it has not begun"
    host = run.record.get("host")
    if isinstance(host, str) and host != socket.gethostname():
        return f"its processes are on {host}, and the service measures only those on its own machine"
    if run.is_active:
        return "the first row appears some seconds after the start"
    return "it ended before the first measurement"


def describe_usage(run: Run) -> dict[str, Any]:
    """Return a list for each column of usage.csv, oldest first. Unknown values are None. Raises OSError."""
    rows = read_rows(run.directory.file(run.directory.usage))

    def column(name: str) -> list[float | None]:
        return [row.get(name) for row in rows]

    return {
        "run_id": run.run_id,
        "every_s": every_s(rows),
        "times": column(TIME),
        **{name: column(name) for name in OF_RUN},
        "gpus": [
            {"index": index, **{name: column(gpu_column(index, name)) for name in OF_GPU}}
            for index in gpu_indices(columns_of(rows))
        ],
    }
