"""Serve an app with the eventlet server. One thread closes a connection while another thread reads from it.

The program prints its port. /read reads from the closed connection. /pipe reads from a new pipe.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import eventlet


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/read":
        connection = environ["gunicorn.socket"]
        connection.sendall(b"!")
        eventlet.spawn(connection.close)  # The close runs as soon as this thread waits.
        connection.recv(1)
        raise StopIteration
    reading, writing = os.pipe()
    os.write(writing, b"done")
    text = os.read(reading, 4)  # Under eventlet, this waits until the pipe is readable.
    os.close(reading)
    os.close(writing)
    start_response("200 OK", [("Content-Length", "4")])
    return [text]


if __name__ == "__main__":
    eventlet.monkey_patch()
    from app.server.eventlet_server import Server

    server = Server(app, "127.0.0.1", 0)
    print(server.port, flush=True)
    server.serve(max_connections=100)
