"""Eventlet's own server."""

from __future__ import annotations

import socket

from eventlet.wsgi import HttpProtocol
from flask import Flask


class Protocol(HttpProtocol):  # type: ignore[misc]  # It has no types.
    """What is written leaves at once. Of an answer in several pieces Nagle's algorithm would keep the second until the
    first is acknowledged, which takes 40 ms with most clients that keep their connection; of events likewise.
    """

    def setup(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().setup()


def serve(app: Flask, host: str, port: int, max_connections: int) -> None:
    """Serve an app that was created for eventlet, until the process ends. Raises OSError when it cannot listen."""
    app.extensions["socketio"].run(
        app, host=host, port=port, log_output=False, max_size=max_connections, protocol=Protocol
    )
