"""Live updates over Socket.IO: the gate, the sessions behind it, the namespace, and sending to many.

The supervisor publishes together what one read finds. Under eventlet it encodes and frames every event once, and writes
all of them itself, with one system call per client, into each socket whose client has taken everything before. For
other clients python-engineio's queues do it. For 1,000 clients these would take 1,000 switches between green threads,
and as many framings, per event. Nothing can overtake: the publisher writes only when the client's own thread waits at
an empty queue and holds no half-sent frame. The rest of a partial write follows under the socket's lock. WebSockets use
no compression, so all clients get the same bytes, and no Nagle's algorithm, which would hold an event back until the
one before is acknowledged.

Anybody who reaches the port can open a socket; the token comes later, in the namespace. So what clients send is checked
before python-engineio and python-socketio see it, by the same code on both servers. `gate` checks requests, `packets`
the form of packets, and `websocket` reads a message no further than it may be long. `sessions` gives a session 5 s to
join and few places to wait in. A newcomer displaces the oldest of its own address, else of the address with the most:
a flood displaces itself, and whoever joins at once gets in. One thread pings all sessions, because the library would
start one for each, which sleeps 25 s even when the session has long ended. A client's events are handled one after the
other in the thread that reads them, so one that asks faster than it is answered is read more slowly.

One private part of python-engineio is used, the table that names its WebSocket class (`websocket.use_in`). Sockets in
asyncio would need no threads under gunicorn, but Flask-SocketIO has no asynchronous namespace, and eventlet would need
the synchronous one besides.
"""

from __future__ import annotations

import logging

from flask import Flask
from flask_socketio import SocketIO

from app.access import Access
from app.live import websocket
from app.live.broadcast import broadcast_for
from app.live.emitter import Emitter
from app.live.encoding import SocketJson, TextPacket
from app.live.gate import Gate
from app.live.namespace import TrainingNamespace
from app.live.packets import MAX_MESSAGE_BYTES, NAMESPACE
from app.live.sessions import Sessions
from app.runs.follow.supervisor import Supervisor


def register(app: Flask, access: Access, supervisor: Supervisor, max_sockets: int, async_mode: str) -> Emitter:
    """Let an app serve live updates, and return what the supervisor is to publish to."""
    logger = logging.getLogger("socketio")  # By itself the library would log to stderr, and so everything twice.
    logger.setLevel(logging.ERROR)
    socketio = SocketIO(
        app,
        async_mode=async_mode,
        cors_allowed_origins=access.is_origin_allowed,
        json=SocketJson,
        serializer=TextPacket,
        namespaces=[NAMESPACE],
        async_handlers=False,  # A client's messages are handled one after the other, and no faster than it sends them.
        max_http_buffer_size=MAX_MESSAGE_BYTES,
        logger=logger,
        engineio_logger=logger,
    )
    websocket.use_in(socketio.server.eio)
    sessions = Sessions(socketio.server.eio, max_sockets)
    emitter = Emitter(socketio, sessions, broadcast_for(socketio, sessions, async_mode), supervisor)
    socketio.on_namespace(TrainingNamespace(emitter, sessions, access))
    app.wsgi_app = Gate(app.wsgi_app, sessions, access, max_sockets)  # type: ignore[method-assign]
    return emitter
