"""A thread for work that only one of several server processes may do."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod

from app.runs.complaints import Complaints
from app.runs.filelock import SupervisorLock

logger = logging.getLogger(__name__)

UNTIL_HOLDER_S = 0.1


class Duty(ABC):
    """Call `step` repeatedly while this process holds the supervisor lock. Log errors and continue."""

    def __init__(self, what: str, lock: SupervisorLock, every_s: float) -> None:
        """`what` names the duty. It is the subject of each log line."""
        self._lock = lock
        self._every_s = every_s
        self._complaints = Complaints(logger, what)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__.lower(), daemon=True)

    @abstractmethod
    def step(self) -> bool | None:
        """Do the work once. Return whether to repeat it immediately."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, after a step that has begun."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s if self._lock.is_held else UNTIL_HOLDER_S):
            try:
                while self._lock.is_held and self.step() and not self._stopping.is_set():
                    pass
                self._complaints.succeeded()
            except Exception as error:
                self._complaints.failed(error)
