"""One Socket.IO connection to the service, read in the caller's own thread.

python-socketio's client handles each message in its own thread. So messages overtake each other, and a slow reader
collects threads without limit. This client reads messages in order and only when the caller asks for them. A slow
reader fills the connection, and the service notices.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from websocket import WebSocket, WebSocketException, create_connection

NAMESPACE = "/training"
CONNECT_TIMEOUT_S = 10.0

_OPEN, _CLOSE, _PING, _PONG = "0", "1", "2", "3"
_CONNECT, _DISCONNECT, _EVENT, _ACK, _REFUSED = "40", "41", "42", "43", "44"


class Disconnected(Exception):
    """The connection was lost or could not be opened. The message says why."""


class Connection:
    """A WebSocket that has joined the namespace. The constructor and all methods raise Disconnected."""

    def __init__(self, url: str, token: str | None, ca_bundle: str | None = None) -> None:
        parts = urlsplit(url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        address = f"{scheme}://{parts.netloc}{parts.path}/socket.io/?EIO=4&transport=websocket"
        try:
            # Only web pages have an origin. The library would invent one, which is wrong behind a proxy.
            self._websocket: WebSocket = create_connection(
                address,
                timeout=CONNECT_TIMEOUT_S,
                suppress_origin=True,
                skip_utf8_validation=True,
                sslopt={"ca_certs": ca_bundle} if ca_bundle else None,
            )
        except (OSError, WebSocketException, ValueError) as error:
            raise Disconnected(_first_line(error)) from error
        try:
            self._join(token)
        except Disconnected:
            self.close()
            raise

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._websocket.shutdown()  # type: ignore[no-untyped-call]  # `close` would wait for an answer.

    def send(self, name: str, payload: dict[str, Any], ack_id: int) -> None:
        """Send an event. Its acknowledgement arrives as a message with the name `str(ack_id)`."""
        self._send(f"{_EVENT}{NAMESPACE},{ack_id}{json.dumps([name, payload])}")

    def messages(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the name and payload of each event and acknowledgement, in order."""
        while True:
            packet = self._receive()
            kind, content = packet[:2], packet[2:].removeprefix(f"{NAMESPACE},")
            if kind == _EVENT:
                name, *payload = json.loads(content)
                yield name, payload[0] if payload else {}
            elif kind == _ACK:
                ack_id, _, answer = content.partition("[")
                yield ack_id, json.loads("[" + answer)[0]
            elif kind == _DISCONNECT:
                raise Disconnected("the service closed the connection")

    def _join(self, token: str | None) -> None:
        opened = json.loads(self._receive().removeprefix(_OPEN))
        self._send(f"{_CONNECT}{NAMESPACE},{json.dumps({'token': token})}")
        answer = self._receive()
        if not answer.startswith(_CONNECT):
            refusal = json.loads(answer.removeprefix(f"{_REFUSED}{NAMESPACE},"))
            raise Disconnected(refusal["message"])
        # The service pings. Without a ping for this long, the connection is lost, though no error says so.
        self._websocket.settimeout((opened["pingInterval"] + opened["pingTimeout"]) / 1000)

    def _receive(self) -> str:
        """Return the next packet that is not a ping."""
        while True:
            try:
                packet = self._websocket.recv()
            except (OSError, WebSocketException, UnicodeDecodeError) as error:
                raise Disconnected(_first_line(error)) from error
            if not isinstance(packet, str) or packet in ("", _CLOSE):
                raise Disconnected("the service closed the connection")
            if packet != _PING:
                return packet
            self._send(_PONG)

    def _send(self, packet: str) -> None:
        try:
            self._websocket.send(packet)
        except (OSError, WebSocketException) as error:
            raise Disconnected(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    """Return what failed. The library appends the entire response to the message of a failed handshake."""
    return (getattr(error, "strerror", None) or str(error)).partition(" -+-+- ")[0].partition("\n")[0]
