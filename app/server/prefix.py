"""The path prefix under which a proxy shows the service."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from app.settings import is_prefix


class Prefix:
    """WSGI middleware: move the prefix from the path to SCRIPT_NAME, so that addresses in answers contain it.

    The proxy may pass the configured prefix on or strip it. X-Forwarded-Prefix names a prefix that the proxy has
    stripped. Any client can send that header, so it never changes the path.
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
        """Redirect to the prefix with a slash: the page's addresses are relative to it."""
        query = environ.get("QUERY_STRING")
        target = self._prefix.rpartition("/")[2] + "/" + (f"?{query}" if query else "")
        start_response("308 Permanent Redirect", [("Location", target), ("Content-Length", "0")])
        return []
