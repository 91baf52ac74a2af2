"""queue.json: whether the queue is paused, and the order that people chose."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.runs.complaints import Complaints
from app.runs.filelock import locked
from app.runs.filestate import Remembered, file_states
from app.runs.queue.entry import Entry
from trainer.rundir import load_json, write_json

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Arrangement:
    """What people have decided about the queue."""

    is_paused: bool = False
    order: tuple[str, ...] = ()
    """The runs that were queued when one was last moved, in the chosen order."""

    def arrange(self, entries: Sequence[Entry]) -> list[Entry]:
        """Sort entries, given oldest first. A run that joined later goes behind all runs of at least its priority."""
        places = {run_id: place for place, run_id in enumerate(self.order)}
        arranged = sorted((each for each in entries if each.run_id in places), key=lambda each: places[each.run_id])
        for entry in sorted(entries, key=lambda each: -each.priority):
            if entry.run_id not in places:
                place = len(arranged)
                while place and arranged[place - 1].priority < entry.priority:
                    place -= 1
                arranged.insert(place, entry)
        return arranged


class ArrangementFile:
    """queue.json. Server processes take turns to change it, by `queue.lock`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._remembered: Remembered[Arrangement] | None = None
        self._complaints = Complaints(logger, "The queue is paused and")

    def read(self) -> Arrangement:
        """Read the file. While it cannot be read, the queue is paused, because people may have paused it."""
        if self._remembered is None or not self._remembered.is_current():
            states = file_states([self._path])
            try:
                self._remembered = Remembered(self._read(), states)
            except OSError as error:
                self._complaints.failed(error)
                return Arrangement(is_paused=True)
            self._complaints.succeeded()
        return self._remembered.value

    def pause(self, is_paused: bool) -> None:
        """Raises OSError."""
        self.change(lambda arrangement: replace(arrangement, is_paused=is_paused))

    def change(self, change: Callable[[Arrangement], Arrangement]) -> None:
        """Replace the file. `change` must not yield to another (green) thread. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self._path.with_suffix(".lock")):
            arrangement = change(self._read())
            write_json(self._path, {"paused": arrangement.is_paused, "order": list(arrangement.order)})

    def _read(self) -> Arrangement:
        """Raises OSError."""
        match load_json(self._path):
            case {"paused": bool(is_paused), "order": [*order]} if all(isinstance(each, str) for each in order):
                return Arrangement(is_paused, tuple(order))
        if self._path.exists():
            logger.warning("%s is corrupt. The queue is sorted by priority and age.", self._path)
        return Arrangement()
