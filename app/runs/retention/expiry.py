"""Remove runs from the trash when they are due."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.runs.duty import Duty
from app.runs.filelock import SupervisorLock
from app.runs.retention.trash import Trash

EVERY_S = 2.0


class Expiry(Duty):
    """Remove what is due."""

    def __init__(self, trash: Trash, lock: SupervisorLock, offload: Callable[[Callable[[], Any]], Any]) -> None:
        """`offload` calls a slow function without blocking other clients."""
        super().__init__("The trash cleanup", lock, EVERY_S)
        self._trash = trash
        self._offload = offload

    def step(self) -> None:
        """Raises DeletionRefused."""
        self._offload(self._trash.expire)
