"""List the datasets: the folders in the data folder, each with the reason if it cannot be trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.runs.exceptions import DataFolderUnreadable, DatasetNotFound
from app.runs.names import is_plain_name
from trainer.dataset.imagefolder import Contents, contents, count_endings, list_folder, name_problem, readable
from trainer.dataset.splits import SPLITS, Layout, find_layout
from trainer.preflight.folders import class_errors


class DatasetFolder:
    """The data folder. Each call reads the disk."""

    def __init__(self, data_dir: Path) -> None:
        self._dir = data_dir

    def names(self) -> list[str]:
        """List the names that a request can use. Raises DataFolderUnreadable."""
        return [path.name for path in self._folders() if is_plain_name(path.name)]

    def find(self, name: str) -> Path:
        """Return the folder of a dataset. Raises DatasetNotFound, DataFolderUnreadable."""
        available = self.names()
        if name not in available:
            raise DatasetNotFound(name, available)
        return self._dir / name

    def layout(self, name: str) -> Layout:
        """Find the splits of a dataset. Raises DatasetNotFound, DataFolderUnreadable."""
        return find_layout(self.find(name))

    def describe(self) -> list[dict[str, Any]]:
        """Describe each dataset: its folders, its classes, the number of images by split, and its problem."""
        return [_describe(path) for path in self._folders()]

    def _folders(self) -> list[Path]:
        """List every folder and every broken link to one, sorted. Raises DataFolderUnreadable."""
        found = list_folder(self._dir)
        closed = [each for each in found.problems if each.path == self._dir]
        if closed and self._dir.exists():
            raise DataFolderUnreadable(self._dir, closed[0].reason)
        return sorted([*found.folders, *(each.path for each in found.problems if each not in closed)])


def _describe(path: Path) -> dict[str, Any]:
    layout = find_layout(path)
    counts = {split: _count(layout.folders.get(split)) for split in SPLITS}
    problems = [layout.problem] if layout.problem else _problems({split: counts[split] for split in layout.folders})
    ignored = sum((count.ignored for count in counts.values()), Counter[str]())
    return {
        "dataset_name": readable(path.name),
        **{f"{split}_path": _text(layout.folders.get(split)) for split in SPLITS},
        "dataset_base_path": _text(path),
        "class_names": sorted({name for count in counts.values() for name in count.images if count.images[name]}),
        "num_images": {split: sum(count.images.values()) for split, count in counts.items()},
        "ignored": {readable(ending): number for ending, number in ignored.most_common()},
        "problem": name_problem(path.name) or "; ".join(dict.fromkeys(problems)) or None,
    }


def _problems(counts: Mapping[str, _Count]) -> list[str]:
    """List what is wrong with the splits: their folders, or else their classes."""
    if problems := [each for count in counts.values() for each in count.problems]:
        return problems
    without = [f"{split} has no class folders with images" for split, count in counts.items() if not count.classes]
    return [*without, *(each.message for each in class_errors({s: count.classes for s, count in counts.items()}))]


@dataclass
class _Count:
    """The contents of a split: images by class, other files by extension, and problems."""

    images: dict[str, int] = field(default_factory=dict)
    classes: list[str] = field(default_factory=list)
    """The class folders that are not empty."""
    ignored: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def add(self, found: Contents) -> None:
        self.ignored.update(count_endings(found.ignored))
        self.problems += [f"{readable(str(each.path))} cannot be read: {each.reason}" for each in found.problems]


def _count(folder: Path | None) -> _Count:
    count = _Count()
    if folder is None:
        return count
    top = list_folder(folder)
    count.add(top)
    for each in top.folders:
        found = contents(each)  # One class at a time, because there may be millions of images.
        count.add(found)
        count.images[readable(each.name)] = len(found.images)
        if found.images or found.ignored or found.problems:
            count.classes.append(readable(each.name))
        if problem := name_problem(each.name):
            count.problems.append(f"{each.name!r}: {problem}")
    return count


def _text(path: Path | None) -> str | None:
    return None if path is None else readable(str(path))
