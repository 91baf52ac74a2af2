"""Live updates over Socket.IO: the gate, the sessions behind it, the namespace, and the broadcast.

The supervisor publishes everything that one read finds in one call. Under eventlet the publisher encodes and frames
each event once. It then writes all events, with one system call per client, to every client that has read everything
before. Other clients get the events through python-engineio's queues. For 1,000 clients the queues would cost 1,000
switches between green threads, and 1,000 framings, per event. Events keep their order: the publisher writes only while
the client's own thread waits at an empty queue and holds no half-sent frame. The rest of a partial write follows under
the socket's lock. WebSockets use no compression, so all clients get the same bytes. They do not use Nagle's algorithm,
which would hold an event back until the client acknowledges the previous one.

Any client that reaches the port can open a socket, because the token comes later, in the namespace. So the same code on
both servers checks what clients send before python-engineio and python-socketio see it. `gate` checks requests,
`packets` checks the form of packets, and `websocket` stops reading a message that exceeds the limit. `sessions` gives
a session 5 s to join and keeps few places for sessions that have not joined. A newcomer displaces the oldest session of
its own address, or of the address with the most sessions. So a flood displaces itself, and a client that joins at once
gets in. One thread pings all sessions. The library would start one thread per session, which sleeps for 25 s even when
the session has long ended. The thread that reads a client's events also handles them, one after the other. So the
service reads a client more slowly when it asks faster than the service answers.

`websocket.use_in` uses one private part of python-engineio: the table that names its WebSocket class. Sockets in
asyncio would need no threads under gunicorn. But Flask-SocketIO has no asynchronous namespace, and eventlet would still
need the synchronous one.
"""

from __future__ import annotations

import logging

from flask import Flask
from flask_socketio import SocketIO

from app.access import Access
from app.live import websocket
from app.live.broadcast import Broadcast
from app.live.emitter import Emitter
from app.live.encoding import SocketJson, TextPacket
from app.live.eventlet_broadcast import EventletBroadcast
from app.live.gate import Gate
from app.live.namespace import TrainingNamespace
from app.live.packets import MAX_MESSAGE_BYTES, NAMESPACE
from app.live.sessions import Sessions
from app.runs.follow.supervisor import Supervisor


def register(app: Flask, access: Access, supervisor: Supervisor, max_sockets: int, async_mode: str) -> Emitter:
    """Add live updates to the app, and return the emitter for the supervisor's events."""
    logger = logging.getLogger("socketio")  # The library's own logger writes to stderr too, so each line twice.
    logger.setLevel(logging.ERROR)
    socketio = SocketIO(
        app,
        async_mode=async_mode,
        cors_allowed_origins=access.is_origin_allowed,
        json=SocketJson,
        serializer=TextPacket,
        namespaces=[NAMESPACE],
        async_handlers=False,  # Handle a client's messages one after the other, in the thread that reads them.
        max_http_buffer_size=MAX_MESSAGE_BYTES,
        logger=logger,
        engineio_logger=logger,
    )
    websocket.use_in(socketio.server.eio)
    sessions = Sessions(socketio.server.eio, max_sockets)
    broadcast = EventletBroadcast(socketio, sessions) if async_mode == "eventlet" else Broadcast(socketio)
    emitter = Emitter(socketio, sessions, broadcast, supervisor)
    socketio.on_namespace(TrainingNamespace(emitter, sessions, access))
    app.wsgi_app = Gate(app.wsgi_app, sessions, access, max_sockets)  # type: ignore[method-assign]
    return emitter
