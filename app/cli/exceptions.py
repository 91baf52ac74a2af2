"""The errors of the client."""

from __future__ import annotations

from typing import Any


class ClientError(Exception):
    """Base class of all errors of the client."""


class ServiceError(ClientError):
    """The service refused a request. The message is the service's own."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(body["message"])
        self.code: int = body["code"]
        """The HTTP status."""
        self.errors: dict[str, Any] = body.get("errors") or {}
        """What would be right, by the name of each wrong field."""
        self.body = body


class RequestInterrupted(KeyboardInterrupt):
    """Ctrl-C before the service answered a request that may change something. The service may still carry it out."""


class Unreachable(ClientError):
    """Nothing answers at the address, or something other than the service does."""
