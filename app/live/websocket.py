"""The WebSockets of the threading mode, which may break at any moment."""

from __future__ import annotations

from contextlib import suppress

from engineio.async_drivers.threading import SimpleWebSocketWSGI
from flask_socketio import SocketIO
from simple_websocket import ConnectionClosed


class WebSocket(SimpleWebSocketWSGI):  # type: ignore[misc]  # It has no types.
    """A WebSocket that may be closed although its connection is gone.

    simple-websocket 1.1.0 looks whether it is connected before it sends its farewell. When the client goes in between,
    its reading thread closes the socket, and the farewell ends python-engineio 4.15's writing thread with "Bad file
    descriptor", a traceback in the service's log for a page that was closed.
    """

    def close(self) -> None:
        """Close it; nothing is left to do where the connection is gone."""
        with suppress(OSError, ConnectionClosed):
            super().close()


def survive_lost_connections(socketio: SocketIO) -> None:
    """Let a server in threading mode use `WebSocket`; python-engineio has no setting for it."""
    engine = socketio.server.eio
    engine._async = {**engine._async, "websocket": WebSocket}
