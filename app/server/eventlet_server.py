"""Serve on eventlet: a green thread per connection, with gunicorn's HTTP, which is stricter than eventlet's own."""

from __future__ import annotations

import logging
import socket
import time
from contextlib import suppress
from typing import Any

import eventlet
from flask import Flask
from gunicorn import http
from gunicorn.config import Config
from gunicorn.http import errors, wsgi

from app.server import wire

logger = logging.getLogger(__name__)

KEEP_ALIVE_S = 30
"""How long a client may take for the head of its next request."""
DRAIN_S = 5.0
"""How long what the app left of a body is read, so that the connection can go on."""
BACKLOG = 1024


class Server:
    """Serve an app that was created for eventlet."""

    def __init__(self, app: Flask, host: str, port: int) -> None:
        """Listen. Raises OSError."""
        self._app = app
        self._config = Config()
        self._config.set("limit_request_line", wire.LIMIT_REQUEST_LINE)
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self._listener = eventlet.listen(address, family, backlog=BACKLOG)

    def serve(self, max_connections: int) -> None:
        """Accept connections, at most so many at a time, until a signal ends this."""
        pool = eventlet.GreenPool(max_connections)
        while True:
            try:
                connection, address = self._listener.accept()
            except OSError as error:  # Of connections that are gone again, or too many open files.
                logger.warning("Cannot accept a connection: %s", error.strerror)
                eventlet.sleep(0.1)
                continue
            pool.spawn_n(self._serve, connection, address)

    def _serve(self, connection: Any, address: Any) -> None:
        # What is written leaves at once. Of an answer in several pieces Nagle's algorithm would keep the second until
        # the first is acknowledged, which takes 40 ms with most clients that keep their connection.
        # A WebSocket is closed by its writing thread while another waits to read. The open file keeps the descriptor
        # until both have ended: a number that is given again too early would belong to two readers.
        with connection, connection.makefile("rb"), suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            parser = http.get_parser(self._config, connection, address)
            while self._serve_one(parser, connection, address):
                pass
            wire.end(connection)

    def _serve_one(self, parser: Any, connection: Any, address: Any) -> bool:
        """Answer one request; whether another may follow."""
        try:
            request = None
            with eventlet.Timeout(KEEP_ALIVE_S, False):
                request = next(parser)
        except StopIteration:
            return False
        except errors.ParseException as error:
            connection.sendall(wire.encode(*wire.refusal(error)))
            return False
        return request is not None and self._answer(request, connection, address) and _is_read(parser)

    def _answer(self, request: Any, connection: Any, address: Any) -> bool:
        """Let the app answer; whether the connection is still one of HTTP then, and may be kept."""
        response, environ = wsgi.create(request, connection, address, connection.getsockname(), self._config)
        environ["wsgi.multithread"] = True
        try:
            answer = self._app(environ, response.start_response)
            try:
                for piece in answer:
                    response.write(piece)
                response.close()
            finally:
                if hasattr(answer, "close"):
                    answer.close()
        except StopIteration:  # It was a WebSocket. gunicorn is told in the same way.
            return False
        except OSError:
            raise
        except Exception:
            logger.exception("Error handling a request")
            return False
        return not response.should_close()


def _is_read(parser: Any) -> bool:
    """Whether the request's body is behind us, so that the next request begins."""
    try:
        return bool(parser.finish_body(deadline=time.monotonic() + DRAIN_S))
    except errors.ParseException:
        return False
