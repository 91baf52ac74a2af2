"""Validate names from outside (of runs, datasets, experiments, models) before they become part of a path."""

from __future__ import annotations

import os
from typing import TypeGuard

MAX_NAME_BYTES = 255


def is_addressable(name: str) -> bool:
    """Whether a name from the disk can stand in JSON and in an address. A file may have any bytes as its name.

    A route of Flask matches no line end.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return "\n" not in name


def is_plain_name(name: object) -> TypeGuard[str]:
    """Whether a name is a single path component that is not hidden and stays in its folder."""
    if not isinstance(name, str) or not name or name.startswith(".") or not name.isprintable():
        return False
    if "/" in name or "\\" in name:
        return False
    try:
        return len(os.fsencode(name)) <= MAX_NAME_BYTES
    except UnicodeEncodeError:
        return False
