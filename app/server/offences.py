"""Log the offences of clients in few lines, however many there are."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)

MAX_ADDRESSES = 200
"""The number of addresses with their own lines. All other addresses share lines."""
_OTHERS = "other addresses"


class Offences:
    """The log of offences: the first offence of each address, and then the count at 10, 100, 1000 and so on."""

    def __init__(self, consequence: str) -> None:
        """`consequence` says what the service does about each offence."""
        self._consequence = consequence
        self._counts: dict[str, int] = {}

    def add(self, address: str, offence: str) -> None:
        """Count an offence. `offence` must not contain text that the client chose, because the log shows it."""
        if address not in self._counts and len(self._counts) >= MAX_ADDRESSES:
            address = _OTHERS
        count = self._counts[address] = self._counts.get(address, 0) + 1
        if count == 1:
            logger.warning("A client at %s %s. %s.", address, offence, self._consequence)
        elif str(count).strip("0") == "1":
            logger.warning("%d offences from %s, the last: it %s. %s.", count, address, offence, self._consequence)
