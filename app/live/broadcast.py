"""Broadcast events to all clients in some rooms."""

from __future__ import annotations

from collections.abc import Sequence

from flask_socketio import SocketIO

from app.live.packets import NAMESPACE
from app.runs.follow.events import Event


class Broadcast:
    """Broadcast through the library: put each event into each client's queue, which a thread per client empties."""

    def __init__(self, socketio: SocketIO) -> None:
        self._socketio = socketio

    def send(self, events: Sequence[Event], rooms: list[str]) -> None:
        """Send the events, in order, to every client in one of the rooms."""
        for event in events:
            self._socketio.emit(event.name, event.payload(), namespace=NAMESPACE, to=rooms)
