"""The runs whose end has not been announced: `notify.json`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from app.runs.store.store import Living, RunStore
from trainer.rundir import load_json, write_json

WATCH_LIST = "notify.json"


@dataclass(frozen=True)
class WatchList:
    """`pending` are the runs to announce. Runs with a sequence above `sequence` have yet to be added."""

    sequence: int
    pending: tuple[str, ...]
    had_waiting: bool = False
    """Whether a run has waited behind another one since the queue was empty."""

    @classmethod
    def read(cls, path: Path) -> WatchList | None:
        """Read the list; None if it is missing or corrupt. Raises OSError, because a new list would lose the runs."""
        match load_json(path):
            case {"sequence": int(sequence), "pending": list(pending), "had_waiting": bool(had_waiting)}:
                return cls(sequence, tuple(map(str, pending)), had_waiting)
        return None

    @classmethod
    def begin(cls, store: RunStore) -> WatchList:
        """Begin without the runs that exist. Those that have ended are not announced. Raises RunsUnreadable."""
        return cls(store.listing.last_sequence(), ())

    def write(self, path: Path) -> None:
        """Replace the file. Raises OSError."""
        write_json(path, asdict(self))

    def extended(self, store: RunStore, living: Living, waiting: Iterable[str]) -> WatchList:
        """Add the runs created since then, and all that are queued or active. Raises RunsUnreadable.

        Of two runs that are started at the same time, the one with the smaller sequence may appear last.
        """
        last = max(self.sequence, store.listing.last_sequence())
        active = (run.run_id for run in store.active(living))
        new = dict.fromkeys([*self.pending, *store.listing.created_after(self.sequence), *waiting, *active])
        return replace(self, sequence=last, pending=tuple(new))
