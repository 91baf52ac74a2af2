"""Send a message to an address."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from app.runs.notify.addresses import instantiate

Kind = Literal["info", "success", "warning", "failure"]
MAX_PROBLEM_CHARS = 300
MIN_SECRET_CHARS = 4


def send(url: str, title: str, body: str, kind: Kind) -> str | None:
    """Send a message. Return why it could not be sent, or None if the address has accepted it."""
    reasons = _Reasons()
    logger = logging.getLogger("apprise")
    logger.addHandler(reasons)
    try:
        is_sent = instantiate(url).notify(title=title, body=body, notify_type=kind)
    except Exception as error:  # A plugin may raise anything.
        return _without_secrets(f"{type(error).__name__}: {error}", url)
    finally:
        logger.removeHandler(reasons)
    return (
        None if is_sent else _without_secrets(" ".join(reasons.lines), url) or "the address did not accept the message"
    )


def send_test(addresses: Mapping[str, str]) -> dict[str, str | None]:
    """Send a test message to each address. Return by name why it could not be sent, or None."""
    title, body = "Test of the training service", "The training service can reach this address."
    return {name: send(url, title, body, "info") for name, url in addresses.items()}


class _Reasons(logging.Handler):
    """Collect what Apprise logs in this thread. It returns only whether a message was sent."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.lines.append(record.getMessage())


def _without_secrets(text: str, url: str) -> str:
    """Hide every part of the address that may be a secret, in case a plugin logs it."""
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0].split(":")
    values = [value for _, value in parse_qsl(parts.query)]
    for secret in sorted({*user, *parts.path.split("/"), *values}, key=len, reverse=True):
        for shown in (secret, unquote(secret)):
            if len(shown) >= MIN_SECRET_CHARS:
                text = text.replace(shown, "****")
    return text[:MAX_PROBLEM_CHARS]
