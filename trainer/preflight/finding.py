"""One thing that the check of a dataset found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MAX_FILES = 20
"""So many files are named unless all are asked for; all are counted."""


@dataclass(frozen=True)
class Finding:
    kind: str
    message: str
    split: str | None = None
    """The split at fault, if it is one."""
    count: int = 0
    """How many files it is about."""
    files: tuple[str, ...] = ()
    """Their names."""

    def as_json(self, max_files: int | None = MAX_FILES) -> dict[str, Any]:
        """With the names of the first `max_files` files; None: of all."""
        return {
            "kind": self.kind,
            "split": self.split,
            "message": self.message,
            "count": self.count,
            "files": list(self.files[:max_files]),
        }


def about_files(kind: str, message: str, files: Iterable[str], split: str | None = None) -> Finding:
    """A finding about files."""
    names = sorted(files)
    return Finding(kind, message, split, len(names), tuple(names))


def images(number: int) -> str:
    return f"{number:,} image{'s' * (number != 1)}"
