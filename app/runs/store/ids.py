"""Choose the ids of runs: the local time, with a number for more than one run in the same second."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path

from app.runs.filelock import locked

MAX_ID_BYTES = 64


class Ids:
    """No id is given twice, even if the run of the first one was deleted: its followers would mistake the new run.

    The file `ids.lock` holds the last id. All server processes take it in turns.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def next(self, folder: Path) -> str:
        """Return an id that no entry of the folder has, hidden or not. Must not yield to another (green) thread."""
        with locked(self._path) as descriptor:
            second = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
            number = _number_within(second, os.fsdecode(os.pread(descriptor, MAX_ID_BYTES, 0))) + 1
            while _is_used(folder, run_id := second if number == 1 else f"{second}_{number}"):
                number += 1
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, os.fsencode(run_id), 0)
            return run_id


def _is_used(folder: Path, run_id: str) -> bool:
    return os.path.lexists(folder / run_id) or os.path.lexists(folder / f".{run_id}")


def _number_within(second: str, run_id: str) -> int:
    """Return the number of a run within its second, from 1; 0 for a run of another second."""
    match = re.fullmatch(rf"{second}(?:_(\d+))?", run_id)
    return int(match[1] or 1) if match else 0
