"""Log a recurring error once."""

from __future__ import annotations

import errno
import logging

from app.runs.exceptions import RunError

MAX_LOGGED = 10
"""How many different errors are logged in full until the next success."""


_FAULTS_OF_THE_MACHINE = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.ESTALE,
    errno.EMFILE,
    errno.ENFILE,
}


def _explains_itself(error: Exception) -> bool:
    """Whether the message says what is wrong, so that the traceback is not needed."""
    return isinstance(error, RunError) or (isinstance(error, OSError) and error.errno in _FAULTS_OF_THE_MACHINE)


class Complaints:
    """Log the errors of a loop that continues: each error once in full, then the number of errors, ever less often."""

    def __init__(self, logger: logging.Logger, what: str) -> None:
        """`what` names the loop. It is the subject of each log line."""
        self._logger = logger
        self._what = what
        self._logged: set[str] = set()
        self._count = 0

    def failed(self, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"
        self._count += 1
        if text not in self._logged and len(self._logged) < MAX_LOGGED:
            self._logged.add(text)
            if _explains_itself(error):
                self._logger.error("%s continues after an error: %s", self._what, error)
            else:
                self._logger.error("%s continues after an error.", self._what, exc_info=error)
        elif self._count == 10 ** (len(str(self._count)) - 1):
            self._logger.error("%s has had %d errors. The last one: %s", self._what, self._count, text)

    def succeeded(self) -> None:
        if self._count > 1:
            self._logger.warning("%s works again after %d errors.", self._what, self._count)
        self._logged.clear()
        self._count = 0
