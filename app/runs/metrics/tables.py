"""Remember the tables of the metrics files that were requested last."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

from app.runs.exceptions import MetricsUnreadable
from app.runs.metrics.header import NOTHING_DECLARED
from app.runs.metrics.inspection import MAX_REWRITES_MET, REWRITTEN, inspect, readable
from app.runs.metrics.table import Rewritten, Table
from trainer.experiment.outputs import MetricsOutput
from trainer.runfile import RunFile

MAX_TABLES = 64

T = TypeVar("T")


def read(inspect: Callable[[], Table], compute: Callable[[Table], T]) -> T:
    """Compute something from the rows of the table that `inspect` returns. Repeat it if the file is rewritten.

    Raises MetricsUnreadable.
    """
    for _ in range(MAX_REWRITES_MET):
        table = inspect()
        with readable(table.file):
            try:
                return compute(table)
            except Rewritten:
                continue
    raise MetricsUnreadable(str(table.file), REWRITTEN)


class Tables:
    """Remember tables, so that inspecting a file again costs only what is new. Thread-safe."""

    def __init__(self, make_lock: Callable[[], AbstractContextManager[object]] = threading.Lock) -> None:
        """`make_lock` makes a lock for the threads in which the service computes."""
        self._cached = lru_cache(MAX_TABLES)(lambda file: _Cached(make_lock()))

    def inspect(self, file: RunFile, is_final: bool = False, declared: MetricsOutput = NOTHING_DECLARED) -> Table:
        """Return the table of a file as it is now. Other callers for the same file wait instead of reading it too."""
        cached = self._cached(file)
        with cached.lock:
            table = inspect(file, cached.table, is_final, declared=declared)
            cached.table = replace(table, content=b"") if table.content else table
            return table


@dataclass
class _Cached:
    lock: AbstractContextManager[object]
    table: Table | None = None
