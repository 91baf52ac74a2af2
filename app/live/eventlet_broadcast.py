"""Events to everybody under eventlet: encoded once, and written by the publisher itself.

The library's way is a queue and a green thread per client. With a thousand clients an event then costs a thousand
switches between threads, each with timers around it and with the same text framed anew; most of that was waiting for a
client that could have taken the bytes at once.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import eventlet
from engineio.async_drivers.eventlet import WebSocketWSGI
from engineio.packet import MESSAGE, Packet
from eventlet.websocket import RFC6455WebSocket
from flask_socketio import SocketIO
from wsproto.frame_protocol import FrameProtocol

from app.live.broadcast import NAMESPACE, Broadcast
from app.runs.follow.events import Event


class WebSocket(WebSocketWSGI):  # type: ignore[misc]  # It has no types.
    """A WebSocket that the publisher finds by its Engine.IO session. It is uncompressed, so that one frame fits all."""

    def __init__(self, handler: Any, server: Any) -> None:
        super().__init__(handler, server)
        self._session = handler.__self__  # An engineio.Socket, whose method it is.

    def _handle_hybi_request(self, environ: dict[str, Any]) -> RFC6455WebSocket:
        self._session.websocket = super()._handle_hybi_request(environ)
        return self._session.websocket

    def _negotiate_permessage_deflate(self, _: Any) -> None:
        return None


class GreenBroadcast(Broadcast):
    """Write to each client that has taken everything before; for the others the library's queues are right."""

    def __init__(self, socketio: SocketIO) -> None:
        super().__init__(socketio)
        self._server = socketio.server
        engine = self._server.eio
        engine._async = {**engine._async, "websocket": WebSocket}  # It has no setting for it.

    def send(self, events: Sequence[Event], rooms: list[str]) -> None:
        packets = [self._encode(event) for event in events]
        framing = FrameProtocol(client=False, extensions=[])
        frames = memoryview(b"".join(framing.send_data(packet.encode(), fin=True) for packet in packets))
        for _, session_id in self._server.manager.get_participants(NAMESPACE, rooms):
            session = self._server.eio.sockets.get(session_id)
            if session is None or not _write(session, frames):
                for packet in packets:
                    self._server.eio.send_packet(session_id, packet)

    def _encode(self, event: Event) -> Packet:
        packet_class = self._server.packet_class
        return Packet(MESSAGE, packet_class(2, namespace=NAMESPACE, data=[event.name, event.payload()]).encode())


def _write(session: Any, frames: memoryview) -> bool:
    """Write to a client if nothing that goes before is still on its way; what it cannot take now follows by itself."""
    websocket = getattr(session, "websocket", None)
    if websocket is None or not _is_idle(session) or websocket._sendlock.locked():
        return False
    try:
        sent = websocket.socket.fd.send(frames)
    except OSError:  # It cannot take any, or is gone, which its own threads notice.
        return False
    if sent < len(frames):
        websocket._sendlock.acquire()  # So that nothing comes between; it is free, so this does not wait.
        eventlet.spawn(_finish, websocket, frames[sent:])
    return True


def _is_idle(session: Any) -> bool:
    """Whether the client's own writing thread has sent all it was given and waits for more."""
    return bool(session.upgraded and not session.closing and session.queue.getting() and session.queue.empty())


def _finish(websocket: RFC6455WebSocket, rest: memoryview) -> None:
    try:
        websocket.socket.sendall(rest)
    except OSError:  # Also when it takes too long: after half a frame nothing can follow.
        with suppress(OSError):
            websocket.socket.shutdown(socket.SHUT_RDWR)
    finally:
        websocket._sendlock.release()
