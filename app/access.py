"""Who may use the service, and for what: clients with a token, and web pages of known origins."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Callable
from typing import Any, Literal, TypeVar
from urllib.parse import SplitResult, urlsplit

from flask import Flask, current_app, g, request
from flask_cors import CORS
from flask_smorest import abort

from app.settings import Settings

GUARDED = ("/training", "/metrics")
"""The beginnings of the paths that need a token."""
Grant = Literal["full", "read"]
"""What a client may do: everything, or see everything and change nothing."""
READING = ("GET", "HEAD")

View = TypeVar("View", bound=Callable[..., Any])


class Access:
    """Decide by token, origin and host name, for REST and sockets alike."""

    def __init__(self, settings: Settings) -> None:
        tokens: list[tuple[Grant, str | None]] = [("full", settings.api_token), ("read", settings.read_token)]
        self._tokens = [(grant, token.encode()) for grant, token in tokens if token is not None]
        self._origins = settings.cors_origins
        machine = socket.gethostname().lower()
        origin_names = (urlsplit(origin).hostname for origin in settings.cors_origins)
        self._names = {"localhost", settings.host, machine, machine.partition(".")[0], *origin_names} - {""}

    @property
    def least(self) -> Grant:
        """What every client that gets in may do. The page assumes it until it knows more."""
        return self._tokens[-1][0] if self._tokens else "full"

    def grant(self, token: object) -> Grant | None:
        """Return what a token allows, or None for a wrong one. Without configured tokens every client may do all.

        This compares in constant time.
        """
        if not self._tokens:
            return "full"
        given = token.encode(errors="replace") if isinstance(token, str) else b""
        grants = [grant for grant, right in self._tokens if hmac.compare_digest(given, right)]
        return grants[0] if grants else None

    def grant_of(self, environ: dict[str, Any]) -> Grant | None:
        """Return what a request may do, or None if it lacks the token."""
        scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        return self.grant(token.strip() if scheme.lower() == "bearer" else None)

    def is_origin_allowed(self, origin: str | None, environ: dict[str, Any]) -> bool:
        """Whether a page from `origin` may use the service: one of our own pages, or one of a configured origin.

        A request without an origin does not come from a web page. We do not compare the scheme, because ours differs
        behind a proxy that ends TLS.
        """
        if origin is None or "*" in self._origins or origin.rstrip("/") in self._origins:
            return True
        own = _split(origin).netloc
        return own != "" and own in (environ.get("HTTP_HOST"), environ.get("HTTP_X_FORWARDED_HOST"))

    def is_host_known(self, host: str | None) -> bool:
        """Whether the host name in the browser's address bar belongs to the service.

        An attacker can let a domain name point here (DNS rebinding). Then the attacker's page has the same origin as
        ours. So a service without a token answers only under IP addresses, the machine's own name, and the names in
        TRAINING_CORS_ORIGINS. TRAINING_ALLOW_ANONYMOUS does not change that: it admits programs, not every web page.
        """
        if self._tokens or host is None or "*" in self._origins:
            return True
        name = _split(f"//{host}").hostname or ""
        return name in self._names or name.endswith(".localhost") or _is_address(name)

    def refusal(self, environ: dict[str, Any]) -> str | None:
        """Say why the page that sent a request may not use the service; None if it may.

        This does not check the token. It protects browsers: a program can send any origin and host name it likes.
        """
        origin, host = environ.get("HTTP_ORIGIN"), environ.get("HTTP_HOST")
        if not self.is_origin_allowed(origin, environ):
            return (
                f"Pages from {origin} may not use this service. Add that origin to TRAINING_CORS_ORIGINS. If a proxy "
                "serves the page, let it forward the Host header."
            )
        if not self.is_host_known(host):
            return (
                f"{host} is not a known address of this service. Use http://localhost, or start the service with "
                f"TRAINING_CORS_ORIGINS=https://{host} or with a token."
            )
        return None

    def register(self, app: Flask) -> None:
        """Guard the requests of REST."""
        if self._origins:
            CORS(
                app,
                origins=list(self._origins),
                expose_headers=["ETag", "X-Total-Count"],
                resources={"/training/*": {}},
            )
        app.before_request(self._check)

    def _check(self) -> None:
        if not request.path.startswith(GUARDED) or request.method == "OPTIONS":
            return
        refusal = self.refusal(request.environ)
        if refusal is not None:
            abort(403, message=refusal)
        g.access = self.grant_of(request.environ)
        if g.access is None:
            problem = "The token is wrong." if "Authorization" in request.headers else "This service needs a token."
            abort(
                401,
                message=f"{problem} Send the header Authorization: Bearer TOKEN.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if g.access == "read" and _changes_something():
            abort(
                403,
                message=f"The read token does not allow {request.method} {request.path}, which changes something. Send "
                "the token of TRAINING_API_TOKEN.",
            )


def changes_nothing(view: View) -> View:
    """Mark a view that changes nothing although its method is not GET. It is open to the read token."""
    view.changes_nothing = True  # type: ignore[attr-defined]
    return view


def _changes_something() -> bool:
    """Whether the view of the request may change something. A request that finds no view changes nothing."""
    if request.method in READING or request.endpoint is None:
        return False
    return not getattr(current_app.view_functions[request.endpoint], "changes_nothing", False)


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
