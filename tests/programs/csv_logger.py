"""Write metrics.csv exactly as Lightning's CSVLogger does, without needing Lightning.

Columns are sorted; a new name makes it read the file, truncate it and write it anew with the wider header; rows end
with CRLF; each save opens the file again. See lightning_fabric.loggers.csv_logs._ExperimentWriter.
"""

from __future__ import annotations

import csv
from pathlib import Path


class CsvLogger:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys: list[str] = []

    def log(self, row: dict[str, object]) -> None:
        new_keys = set(row) - set(self._keys)
        self._keys = sorted({*self._keys, *row})
        exists = self.path.is_file()
        if new_keys and exists:
            with open(self.path, newline="") as file:
                _, *earlier = csv.reader(file)
            # Not by DictReader and DictWriter, as there: what is written is the same, in a fraction of the time.
            for place in (place for place, key in enumerate(self._keys) if key in new_keys):
                for cells in earlier:
                    cells.insert(place, "")
            with open(self.path, "w", newline="") as file:
                csv.writer(file).writerows([self._keys, *earlier])
        with open(self.path, "a" if exists else "w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=self._keys)
            if not exists:
                writer.writeheader()
            writer.writerows([row])
