"""Which attempt at a training a metrics file shows. A program that begins again may write the same file anew."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping


def attempt_of(first_row: Mapping[str, float], restarts: int = 0) -> str | None:
    """Name the attempt whose first row this is. `restarts` tells apart those that begin alike. None without rows."""
    if not first_row:
        return None
    written = json.dumps([sorted(first_row.items()), restarts])
    return hashlib.sha256(written.encode()).hexdigest()[:12]
