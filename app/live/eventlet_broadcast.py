"""Broadcast under eventlet: encode each event once, and write it from the publisher.

The library uses a queue and a green thread per client. With a thousand clients one event costs a thousand thread
switches. Each switch sets timers and frames the same text again. Most clients could have taken the bytes at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engineio.packet import MESSAGE, Packet
from flask_socketio import SocketIO
from wsproto.frame_protocol import FrameProtocol

from app.live.broadcast import Broadcast
from app.live.packets import NAMESPACE
from app.live.sessions import Session, Sessions
from app.runs.follow.events import Event


class EventletBroadcast(Broadcast):
    """A broadcast that writes directly to clients that have read everything, and uses the queues for the others."""

    def __init__(self, socketio: SocketIO, sessions: Sessions) -> None:
        super().__init__(socketio)
        self._sessions = sessions
        self._server = socketio.server

    def send(self, events: Sequence[Event], rooms: list[str]) -> None:
        packets = [self._encode(event) for event in events]
        framing = FrameProtocol(client=False, extensions=[])
        frames = memoryview(b"".join(framing.send_data(packet.encode(), fin=True) for packet in packets))
        for _, sid in self._server.manager.get_participants(NAMESPACE, rooms):
            session = self._sessions.get(sid)
            if session is None or not _write(session, frames):
                for packet in packets:
                    self._server.eio.send_packet(sid, packet)

    def _encode(self, event: Event) -> Packet:
        packet_class = self._server.packet_class
        return Packet(MESSAGE, packet_class(2, namespace=NAMESPACE, data=[event.name, event.payload()]).encode())


def _write(session: Session, frames: memoryview) -> bool:
    """Write to a client unless earlier bytes are still waiting. Return whether it did."""
    websocket = session.websocket
    return websocket is not None and _is_idle(session.socket) and websocket.write_now(frames)


def _is_idle(socket: Any) -> bool:
    """Return whether the client's own writing thread has sent everything and waits for more."""
    return bool(socket.upgraded and not socket.closing and socket.queue.getting() and socket.queue.empty())
