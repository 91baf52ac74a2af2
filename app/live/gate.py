"""The gate in front of the library. Only valid requests of live clients pass it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from app.access import Access
from app.live import packets
from app.live.packets import MAX_MESSAGE_BYTES, Malformed
from app.live.sessions import Session, Sessions
from app.live.websocket import SESSION
from app.problems import error_body

PATH = "/socket.io/"
MAX_PARAMETERS = 32
VERSION = "13"
"""The only version of the WebSocket protocol."""
KEY = re.compile("[A-Za-z0-9+/]{22}==")
"""16 bytes in base64."""

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class _Refused(Exception):
    """A refusal, which the gate answers itself. `message` says what would be right."""

    def __init__(self, code: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.code = code
        self.headers = [(name.replace("_", "-"), value) for name, value in headers.items()]


class Gate:
    """WSGI middleware that refuses requests which cannot or must not be served, and says why."""

    def __init__(self, wsgi_app: Any, sessions: Sessions, access: Access, max_sockets: int) -> None:
        self._wsgi_app = wsgi_app
        self._sessions = sessions
        self._access = access
        self._max_sockets = max_sockets

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        is_ours = environ.get("PATH_INFO", "").startswith(PATH)
        try:
            return self._serve(environ, start_response) if is_ours else self._pass_on(environ, start_response)
        except _Refused as refusal:
            return _answer(refusal, start_response)

    def _pass_on(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        answer: Iterable[bytes] = self._wsgi_app(environ, start_response)
        return answer

    def _serve(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        self._check_page(environ)
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "POST", "OPTIONS"):
            raise _Refused(405, f"{method} is not allowed here. Use GET or POST.", Allow="GET, POST, OPTIONS")
        transport, sid = _read_query(environ)
        if sid is None and method != "OPTIONS":
            self._check_place()
        _check_transport(environ, transport)
        if method == "OPTIONS":
            return self._pass_on(environ, start_response)
        if sid is None and method != "GET":
            raise _Refused(400, "Open a session with GET.")
        if sid is None:
            return self._pass_on(environ, start_response)
        session = self._sessions.get(sid)
        if session is None:
            raise _Refused(400, "The session has ended. Connect again without sid.")
        environ[SESSION] = session
        if method == "POST":
            self._check_body(environ, session)
            return self._pass_on(environ, start_response)
        serve = self._upgrade if transport == "websocket" else self._poll
        return serve(session, environ, start_response)

    def _check_page(self, environ: Environ) -> None:
        """Refuse pages of other sites. Browsers send no Origin for a script or image, but they send Sec-Fetch-Site."""
        stranger = self._access.refusal(environ)
        if stranger is not None:
            raise _Refused(403, stranger)
        site = environ.get("HTTP_SEC_FETCH_SITE", "none")
        if "HTTP_ORIGIN" not in environ and site not in ("same-origin", "none"):
            raise _Refused(403, "Pages of other sites may not load this as a script or an image.")

    def _check_place(self) -> None:
        if self._sessions.is_full:
            raise _Refused(503, f"{self._max_sockets} sockets are already open. TRAINING_MAX_SOCKETS allows no more.")

    def _check_body(self, environ: Environ, session: Session) -> None:
        """Read the packets of a POST, and pass them to the library only if all of them are valid."""
        try:
            body = _read_body(environ)
            for packet in packets.split(body):
                session.check(packet)
        except Malformed as error:
            session.offend(str(error))
            self._sessions.close(session)
            raise _Refused(400, f"The session was closed, because the client {error}.") from error
        environ["wsgi.input"] = io.BytesIO(body)

    def _poll(self, session: Session, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if session.is_polled:
            raise _Refused(400, "Another request is already polling this session. Send one poll at a time.")
        session.is_polled = True
        try:
            return self._pass_on(environ, start_response)
        finally:
            session.is_polled = False

    def _upgrade(self, session: Session, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not session.begin_upgrade():
            raise _Refused(400, "This session already has a WebSocket or is being upgraded to one.")
        try:
            return self._pass_on(environ, start_response)
        finally:
            session.end_upgrade()


def _answer(refusal: _Refused, start_response: StartResponse) -> list[bytes]:
    error = error_body(refusal.code, str(refusal))
    body = json.dumps(error).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *refusal.headers]
    start_response(f"{error['code']} {error['status']}", headers)
    return [body]


def _read_query(environ: Environ) -> tuple[str, str | None]:
    """Return the transport and the session's id. The id is None for the first request of a session."""
    try:
        query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError as error:
        raise _Refused(400, f"The query has more than {MAX_PARAMETERS} parameters.") from error
    if "j" in query:
        raise _Refused(400, "JSONP is not supported. Use polling or a WebSocket.")
    if query.get("EIO") != ["4"]:
        raise _Refused(400, "The query must contain EIO=4. This service speaks Engine.IO 4 and Socket.IO 5.")
    if query.get("transport") not in (["polling"], ["websocket"]):
        raise _Refused(400, "The query must contain transport=polling or transport=websocket.")
    sids = query.get("sid", [None])
    if len(sids) > 1:
        raise _Refused(400, "The query contains sid more than once.")
    return query["transport"][0], sids[0]


def _check_transport(environ: Environ, transport: str) -> None:
    """Refuse polling with several worker processes, and requests that cannot become a WebSocket."""
    if transport == "polling":
        if environ.get("wsgi.multiprocess"):
            raise _Refused(
                503,
                "With several worker processes live updates need a WebSocket. Connect with the websocket transport "
                "only, and let proxies forward the upgrade. Long polling works with one worker (-w 1).",
            )
        environ.pop("HTTP_UPGRADE", None)  # The library would upgrade, whatever the transport is.
        return
    connection = {part.strip() for part in environ.get("HTTP_CONNECTION", "").lower().split(",")}
    is_upgrade = environ.get("HTTP_UPGRADE", "").lower() == "websocket" and "upgrade" in connection
    has_key = KEY.fullmatch(environ.get("HTTP_SEC_WEBSOCKET_KEY", ""))
    if environ["REQUEST_METHOD"] != "GET" or not is_upgrade or not has_key:
        raise _Refused(400, "This is not a WebSocket handshake. If you use a proxy, let it forward the Upgrade header.")
    if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != VERSION:
        raise _Refused(426, f"Use version {VERSION} of the WebSocket protocol.", Sec_WebSocket_Version=VERSION)


def _read_body(environ: Environ) -> bytes:
    if not environ.get("CONTENT_LENGTH"):
        raise _Refused(411, "The body needs a Content-Length.")
    length = int(environ["CONTENT_LENGTH"])  # The server has checked that this is a number.
    if length > MAX_MESSAGE_BYTES:
        raise _Refused(413, f"The body is too long. The limit is {MAX_MESSAGE_BYTES:,} bytes.")
    body: bytes = environ["wsgi.input"].read(length)
    if len(body) < length:
        raise _Refused(400, "The body ended early. It is shorter than its Content-Length.")
    return body
