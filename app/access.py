"""Who may call: the token, and which web pages."""

from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, request
from flask_cors import CORS
from flask_smorest import abort

from app.settings import Settings

GUARDED = "/training"


class Access:
    """Decide by token and origin. Used for REST and sockets alike."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.api_token
        self._origins = settings.cors_origins

    def is_token_right(self, token: object) -> bool:
        """Compare in constant time; without a configured token everybody is let in."""
        if self._token is None:
            return True
        return isinstance(token, str) and hmac.compare_digest(token.encode(errors="replace"), self._token.encode())

    def is_origin_allowed(self, origin: str | None, environ: dict[str, Any]) -> bool:
        """Whether a page from `origin` may use the service: one of our own, or of the configured origins.

        No origin means no web page. The scheme is not compared, because behind a proxy that ends TLS ours differs.
        """
        if origin is None or "*" in self._origins or origin.rstrip("/") in self._origins:
            return True
        hosts = {environ.get("HTTP_HOST"), environ.get("HTTP_X_FORWARDED_HOST")} - {None}
        return urlsplit(origin).netloc in hosts

    def register(self, app: Flask) -> None:
        """Guard every request below /training."""
        if self._origins:
            CORS(app, origins=list(self._origins), resources={f"{GUARDED}/*": {}})
        app.before_request(self._check)

    def _check(self) -> None:
        if not request.path.startswith(GUARDED) or request.method == "OPTIONS":
            return
        origin = request.headers.get("Origin")
        if not self.is_origin_allowed(origin, request.environ):
            may = "TRAINING_CORS_ORIGINS names those that may."
            abort(403, message=f"Pages from {origin} may not use this service. {may}")
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if not self.is_token_right(token.strip() if scheme.lower() == "bearer" else None):
            abort(
                401,
                message="This service needs its token: send the header Authorization: Bearer TOKEN.",
                headers={"WWW-Authenticate": "Bearer"},
            )
