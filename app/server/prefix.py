"""The path under which a proxy shows the service."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from app.settings import is_prefix


class Prefix:
    """WSGI: move the prefix out of the path into SCRIPT_NAME, from which addresses in answers are made.

    The configured prefix is taken off a path that begins with it, so the proxy may pass it on or strip it.
    X-Forwarded-Prefix only says what the proxy has stripped: anybody can send it, so no path is changed by it.
    """

    def __init__(self, wsgi_app: Any, prefix: str) -> None:
        self._wsgi_app = wsgi_app
        self._prefix = prefix

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        prefix, path = self._prefix, environ.get("PATH_INFO", "")
        forwarded = environ.get("HTTP_X_FORWARDED_PREFIX", "").rstrip("/")
        if prefix and path == prefix:
            return self._redirect(environ, start_response)
        if prefix and path.startswith(f"{prefix}/"):
            environ["PATH_INFO"] = path[len(prefix) :]
        if prefix or is_prefix(forwarded):
            environ["SCRIPT_NAME"] = prefix or forwarded
        answer: Iterable[bytes] = self._wsgi_app(environ, start_response)
        return answer

    def _redirect(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Send to the prefix with a slash, which the page's addresses are relative to."""
        query = environ.get("QUERY_STRING")
        target = self._prefix.rpartition("/")[2] + "/" + (f"?{query}" if query else "")
        start_response("308 Permanent Redirect", [("Location", target), ("Content-Length", "0")])
        return []
