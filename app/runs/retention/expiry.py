"""The thread that removes runs from the trash when they are due."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from app.runs.complaints import Complaints
from app.runs.filelock import SupervisorLock
from app.runs.retention.trash import Trash

logger = logging.getLogger(__name__)

EVERY_S = 2.0


class Expiry:
    """Remove what is due. Of several server processes only the holder of the supervisor lock does that."""

    def __init__(self, trash: Trash, lock: SupervisorLock, offload: Callable[[Callable[[], Any]], Any]) -> None:
        """`offload` calls a function that takes long without blocking other clients."""
        self._trash = trash
        self._lock = lock
        self._offload = offload
        self._complaints = Complaints(logger, "The removal of runs from the trash")
        self._thread = threading.Thread(target=self._run, name="expiry", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        while True:
            time.sleep(EVERY_S)
            try:
                if self._lock.is_held:
                    self._offload(self._trash.expire)
                self._complaints.succeeded()
            except Exception as error:
                self._complaints.failed(error)
