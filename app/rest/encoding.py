"""Encode long lists as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def encode_each(items: Iterable[dict[str, Any]]) -> str:
    """Return a list as JSON. Items are encoded one at a time, because one long call would block every other thread."""
    return f"[{', '.join(map(json.dumps, items))}]"
