"""GET /training/status without the framework, which would need several times what the answer itself takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from app.access import Access
from app.page.pages import SAFETY_HEADERS
from app.runs.exceptions import RunError
from app.runs.views.status import Status

PATH = "/training/status"


class StatusShortcut:
    """WSGI: answer programs that poll. Whatever is not the plain case (a page of elsewhere, a refusal, another method,
    a disk that cannot be read) is left to the app, whose answer in the plain case is the same to the last byte.
    """

    def __init__(self, wsgi_app: Any, status: Status, access: Access) -> None:
        self._wsgi_app = wsgi_app
        self._status = status
        self._access = access
        self._encoded: tuple[dict[str, Any] | None, bytes] = None, b""
        """The last answer, which usually is the next one too."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        told = self._tell() if self._is_plain(environ) else None
        if told is None:
            answer: Iterable[bytes] = self._wsgi_app(environ, start_response)
            return answer
        body = self._encode(told)
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *SAFETY_HEADERS.items()]
        start_response("200 OK", headers)
        return [body]

    def _is_plain(self, environ: dict[str, Any]) -> bool:
        return (
            environ.get("PATH_INFO") == PATH
            and environ["REQUEST_METHOD"] == "GET"
            and "HTTP_ORIGIN" not in environ
            and self._access.refusal(environ) is None
            and self._access.is_authorised(environ)
        )

    def _encode(self, told: dict[str, Any]) -> bytes:
        known, body = self._encoded
        if told is not known:
            body = json.dumps(told, separators=(",", ":")).encode() + b"\n"
            self._encoded = told, body
        return body

    def _tell(self) -> dict[str, Any] | None:
        try:
            return self._status.describe()
        except (OSError, RunError):
            return None
