"""Phrases of messages: counts and lists of names. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence


def some(names: Sequence[str]) -> str:
    """Return the first five names, with the number of the others."""
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def images(number: int) -> str:
    """Return `1 image`, `2 images` and so on."""
    return f"{number:,} image{'s' * (number != 1)}"
