"""The addresses of TRAINING_NOTIFY. They contain passwords and tokens, so only their names are shown and logged."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,19})://", re.IGNORECASE)


class AddressInvalid(ValueError):
    """Apprise cannot use the address. The message names it without its secrets."""


def name_addresses(urls: Sequence[str]) -> Mapping[str, str]:
    """Return the addresses by names that do not reveal their secrets. Raises AddressInvalid."""
    if not urls:
        return {}
    found: Counter[str] = Counter()
    named = {}
    for number, url in enumerate(urls, 1):
        name = _name(number, url)
        found[name] += 1
        named[name if found[name] == 1 else f"{name} ({found[name]})"] = url
    return named


def instantiate(url: str) -> Any:
    """Return Apprise's object for an address; None if it is not valid."""
    import apprise  # Not at the top: it takes time and 30 MB, and most services do not notify.

    logger = logging.getLogger("apprise")  # It logs complete addresses. `sending` collects its reasons for a failure.
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return apprise.Apprise.instantiate(url)


def _name(number: int, url: str) -> str:
    """Return the scheme and the host. If the host is a token, return the part that Apprise shows."""
    found = _SCHEME.match(url)
    plugin = instantiate(url)
    if plugin is None or found is None:
        shown = f"{found[0]}..." if found else "without a scheme such as mailto://"
        raise AddressInvalid(
            f"Apprise cannot use address {number} ({shown}). https://appriseit.com/services describes the address of "
            "each service. Separate addresses by spaces"
        )
    shown = urlsplit(plugin.url(privacy=True)).netloc.rpartition("@")[2]
    return f"{found[0].lower()}{shown}"
