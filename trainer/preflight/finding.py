"""A finding of the check of a dataset."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "folders",
    "classes",
    "class_name",
    "unreadable",
    "unreadable_class",
    "unreadable_folder",
    "not_checked",
    "incomplete",
    "not_decoded",
    "missing_split",
    "unused_folders",
    "ignored",
    "loose",
    "repeated_folder",
    "leakage",
    "contradiction",
    "duplicates",
    "empty_class",
    "nested_class",
    "few_images",
    "imbalance",
    "odd_sizes",
    "odd_channels",
    "flat_values",
    "cut_values",
    "gaps",
    "unused_frames",
]
MAX_FILES = 20
"""The number of files that a finding names by default. It counts all."""


@dataclass(frozen=True)
class Finding:
    kind: Kind
    message: str
    split: str | None = None
    """The split that it is about, if it is about one."""
    files: tuple[str, ...] = ()
    """The names of the files that it is about."""

    def as_json(self, max_files: int | None) -> dict[str, Any]:
        """Return it as JSON content with the names of the first `max_files` files, or of all with None."""
        return {
            "kind": self.kind,
            "split": self.split,
            "message": self.message,
            "count": len(self.files),
            "files": list(self.files[:max_files]),
        }


def about_files(kind: Kind, message: str, files: Iterable[str], split: str | None = None) -> Finding:
    """Make a finding about files."""
    return Finding(kind, message, split, tuple(sorted(files)))
