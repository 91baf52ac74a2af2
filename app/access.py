"""Who may use the service: clients with the token, and web pages of known origins."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, urlsplit

from flask import Flask, request
from flask_cors import CORS
from flask_smorest import abort

from app.settings import Settings

GUARDED = "/training"


class Access:
    """Decide by token, origin and host name, for REST and sockets alike."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.api_token
        self._origins = settings.cors_origins
        machine = socket.gethostname().lower()
        origin_names = (urlsplit(origin).hostname for origin in settings.cors_origins)
        self._names = {"localhost", settings.host, machine, machine.partition(".")[0], *origin_names} - {""}
        self.is_host_known = lru_cache(maxsize=64)(self._is_host_known)

    def is_token_right(self, token: object) -> bool:
        """Compare the token in constant time. Without a configured token every client may enter."""
        if self._token is None:
            return True
        return isinstance(token, str) and hmac.compare_digest(token.encode(errors="replace"), self._token.encode())

    def is_authorised(self, environ: dict[str, Any]) -> bool:
        """Whether a request has the token, if the service has one."""
        scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        return self.is_token_right(token.strip() if scheme.lower() == "bearer" else None)

    def is_origin_allowed(self, origin: str | None, environ: dict[str, Any]) -> bool:
        """Whether a page from `origin` may use the service: one of our own pages, or one of a configured origin.

        A request without an origin does not come from a web page. We do not compare the scheme, because ours differs
        behind a proxy that ends TLS.
        """
        if origin is None or "*" in self._origins or origin.rstrip("/") in self._origins:
            return True
        own = _split(origin).netloc
        return own != "" and own in (environ.get("HTTP_HOST"), environ.get("HTTP_X_FORWARDED_HOST"))

    def _is_host_known(self, host: str | None) -> bool:
        """Whether the host name in the browser's address bar belongs to the service.

        An attacker can let a domain name point here (DNS rebinding). Then the attacker's page has the same origin as
        ours. So a service without a token answers only under IP addresses, the machine's own name, and the names in
        TRAINING_CORS_ORIGINS. TRAINING_ALLOW_ANONYMOUS does not change that: it admits programs, not every web page.
        """
        if self._token is not None or host is None or "*" in self._origins:
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
        """Guard every request below /training."""
        if self._origins:
            CORS(
                app,
                origins=list(self._origins),
                expose_headers=["ETag", "X-Total-Count"],
                resources={f"{GUARDED}/*": {}},
            )
        app.before_request(self._check)

    def _check(self) -> None:
        if not request.path.startswith(GUARDED) or request.method == "OPTIONS":
            return
        refusal = self.refusal(request.environ)
        if refusal is not None:
            abort(403, message=refusal)
        if not self.is_authorised(request.environ):
            abort(
                401,
                message="This service needs a token. Send the header Authorization: Bearer TOKEN.",
                headers={"WWW-Authenticate": "Bearer"},
            )


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
