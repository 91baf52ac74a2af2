"""What clients do wrong, in few lines however often they do it."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)

MAX_ADDRESSES = 200
"""Addresses that get lines of their own; the others share theirs."""
_OTHERS = "other addresses"


class Offences:
    """Log the first offence of each address, then their number at 10, 100, 1000 and so on."""

    def __init__(self, consequence: str) -> None:
        """`consequence`: what the service does about each of them."""
        self._consequence = consequence
        self._counts: dict[str, int] = {}

    def add(self, address: str, offence: str) -> None:
        """Count one. `offence` has nothing in it that the client chose, because it would come into the log."""
        if address not in self._counts and len(self._counts) >= MAX_ADDRESSES:
            address = _OTHERS
        count = self._counts[address] = self._counts.get(address, 0) + 1
        if count == 1:
            logger.warning("A client at %s %s. %s.", address, offence, self._consequence)
        elif str(count).strip("0") == "1":
            logger.warning("%d offences from %s, the last: it %s. %s.", count, address, offence, self._consequence)
