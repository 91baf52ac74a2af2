"""Errors that come again and again, each said once."""

from __future__ import annotations

import logging

from app.runs.exceptions import RunError

MAX_SAID = 10
"""So many different errors are said in full before it works again."""


class Complaints:
    """Log the errors of something that goes on: each the first time in full, then their number, ever more rarely."""

    def __init__(self, logger: logging.Logger, what: str) -> None:
        """`what` goes on, as the subject of the lines."""
        self._logger = logger
        self._what = what
        self._said: set[str] = set()
        self._count = 0

    def failed(self, error: Exception) -> None:
        said = f"{type(error).__name__}: {error}"
        self._count += 1
        if said not in self._said and len(self._said) < MAX_SAID:
            self._said.add(said)
            if isinstance(error, RunError):  # Its message says what is wrong. The place in our code does not matter.
                self._logger.error("%s goes on after an error: %s", self._what, error)
            else:
                self._logger.error("%s goes on after an error.", self._what, exc_info=error)
        elif self._count == 10 ** (len(str(self._count)) - 1):
            self._logger.error("%s met with %d errors, lastly %s", self._what, self._count, said)

    def succeeded(self) -> None:
        if self._count > 1:
            self._logger.warning("%s works again, after %d errors.", self._what, self._count)
        self._said.clear()
        self._count = 0
