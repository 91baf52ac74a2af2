"""The names of the columns of sources that share a table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from app.runs.collect.source import Row
from trainer.experiment.logpattern import COUNTERS


class Columns:
    """Renames columns that several sources share: `loss` of train.csv and val.csv becomes `train/loss` and `val/loss`.

    A column of a single source keeps its name. So do `epoch`, `step` and the `counters`, the columns that the
    experiment renames to one of those.
    """

    def __init__(self, state: Mapping[str, Any], counters: Collection[str] = ()) -> None:
        self._counters = counters
        self._owners: dict[str, str] = dict(state.get("owners", {}))
        self._shared: set[str] = set(state.get("shared", ()))
        self.is_new_name_shared = False
        """Whether a name was added that another source already uses, so that earlier rows need new names."""

    @property
    def state(self) -> dict[str, Any]:
        """Everything that another object needs to continue, as JSON."""
        return {"owners": self._owners, "shared": sorted(self._shared)}

    @property
    def state_without_rows(self) -> dict[str, Any]:
        """The state of a table that starts over."""
        return {"shared": sorted(self._shared)}

    def add(self, source: str, rows: Iterable[Row]) -> None:
        """Add the columns of some rows."""
        for name in {name for row in rows for name in row} - self._shared:
            if not self._is_counter(name) and self._owners.setdefault(name, source) != source:
                self._shared.add(name)
                self.is_new_name_shared = True

    def _is_counter(self, name: str) -> bool:
        return name.lower() in COUNTERS or name in self._counters

    def named(self, source: str, row: Row) -> Row:
        """Return a row under the names of the table."""
        if not self._shared:
            return row
        prefix = f"{PurePosixPath(source).with_suffix('')}/"
        return {
            prefix + name if name in self._shared and not name.startswith(prefix) else name: value
            for name, value in row.items()
        }
