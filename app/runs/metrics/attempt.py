"""Tell attempts apart: a program that starts again may write its metrics file again from the start."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping


def attempt_of(first_row: Mapping[str, float], restarts: int = 0) -> str | None:
    """Name the attempt by its first row. `restarts` separates attempts with the same first row. None without rows."""
    if not first_row:
        return None
    identity = json.dumps([sorted(first_row.items()), restarts])
    return hashlib.sha256(identity.encode()).hexdigest()[:12]
