"""One thing that the check of a dataset found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MAX_FILES = 20
"""So many files are named; all are counted."""


@dataclass(frozen=True)
class Finding:
    kind: str
    message: str
    split: str | None = None
    """The split at fault, if it is one."""
    count: int = 0
    """How many files it is about."""
    files: tuple[str, ...] = ()
    """The first of them."""

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "split": self.split,
            "message": self.message,
            "count": self.count,
            "files": list(self.files),
        }


def about_files(kind: str, message: str, files: Iterable[str], split: str | None = None) -> Finding:
    """A finding about files, of which it names the first."""
    names = sorted(files)
    return Finding(kind, message, split, len(names), tuple(names[:MAX_FILES]))


def images(number: int) -> str:
    return f"{number:,} image{'s' * (number != 1)}"
