"""Serve on eventlet: a green thread per connection, with gunicorn's HTTP, which is stricter than eventlet's own."""

from __future__ import annotations

import logging
import math
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import eventlet
from eventlet.semaphore import Semaphore
from gunicorn.config import Config
from gunicorn.http import errors, wsgi

from app.server import wire
from app.server.eventlet_socket import PacedSocket
from app.server.incoming import ALLOWED_S, NOT_NOW, Requests
from app.server.offences import Offences
from app.server.openfiles import NO_FILES, Capacity
from app.server.patience import LINGER_S
from app.server.waiting import MAX_UNREAD, Waiting

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

logger = logging.getLogger(__name__)

BACKLOG = 1024
READ_BYTES = 65536
PAUSE_S = 0.01
MAX_GIVEN_UP = 32


class Server:
    """Serve an app that was created for eventlet."""

    def __init__(self, app: WSGIApplication, host: str, port: int) -> None:
        """Listen. Raises OSError."""
        self._app = app
        self._config = Config()
        self._config.set("limit_request_line", wire.LIMIT_REQUEST_LINE)
        self._waiting: Waiting[Any] = Waiting()
        self._num_open = 0
        self._given_up: set[Any] = set()
        """Open still, but no longer of use to anybody."""
        self._num_sockets = self._max_sockets = 0
        self._turn = Semaphore()
        self._offences = Offences(wire.CONSEQUENCE)
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self._listener = eventlet.listen(address, family, backlog=BACKLOG)

    @property
    def port(self) -> int:
        """Where it listens, also if it was told to choose by itself."""
        return int(self._listener.getsockname()[1])

    def serve(self, max_connections: int) -> None:
        """Accept connections, at most so many at a time, until a signal ends this. Sockets can hold half of them.

        Where there is no room, the oldest of the connections that wait for their client makes way.
        """
        self._max_sockets = max_connections // 2
        capacity = Capacity(max_connections)
        while True:
            while capacity.is_reached(self._num_open - len(self._given_up)):
                self._make_room()
            try:
                connection, address = self._listener.accept()
            except OSError as error:
                if error.errno in NO_FILES:
                    capacity.fell_short(error, self._num_open)
                    eventlet.sleep(PAUSE_S)
                continue  # It waits to be accepted, or is gone.
            self._num_open += 1
            eventlet.spawn_n(self._serve, connection, address)

    def _make_room(self) -> None:
        """End a connection, and let its thread close it; where there is none to spare, let some time pass."""
        connection = self._waiting.least_missed()
        if connection is None:
            eventlet.sleep(PAUSE_S)
            return
        self._give_up(connection)
        while len(self._given_up) >= MAX_GIVEN_UP:
            eventlet.sleep(0)

    def _give_up(self, connection: Any) -> None:
        self._waiting.leave(connection)
        self._given_up.add(connection)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def _serve(self, connection: Any, address: Any) -> None:
        try:
            # The app may close a WebSocket in one thread while another waits to read. The open file keeps the
            # descriptor until both have ended: a number that is given again too early would belong to two readers.
            with connection, connection.makefile("rb"), suppress(OSError):
                self._serve_requests(connection, address)
        finally:
            self._num_open -= 1
            self._given_up.discard(connection)

    def _serve_requests(self, connection: Any, address: Any) -> None:
        # What is written leaves at once. Of an answer in several pieces Nagle's algorithm would keep the second until
        # the first is acknowledged, which takes 40 ms with most clients that keep their connection.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        requests = Requests(self._config, connection, address)
        try:
            while self._receive(connection, requests):
                with self._share(requests.request):
                    is_kept = self._answer(requests.request, connection, address)
                if not is_kept or not requests.finish():
                    break
                if requests.waits_for == "head":  # The next request came with this one. Others have their turn first.
                    eventlet.sleep(0)
        except errors.ParseException as error:
            self._offences.add(wire.name_of(address), wire.offence(error))
            connection.sendall(wire.encode(*wire.refusal(error)))
        self._linger(connection)

    def _linger(self, connection: Any) -> None:
        """End a connection so that the client can read the answer, even while it still sends its request."""
        connection.shutdown(socket.SHUT_WR)
        deadline, rest = time.monotonic() + LINGER_S, wire.LINGER_BYTES
        self._waiting.enter(connection, "farewell", LINGER_S)
        try:
            while rest > 0 and (left_s := deadline - time.monotonic()) > 0:
                connection.settimeout(left_s)
                received = connection.recv(READ_BYTES)
                if not received:
                    break
                rest -= len(received)
                eventlet.sleep(0)  # There may always be more to receive.
        finally:
            self._waiting.leave(connection)

    def _receive(self, connection: Any, requests: Requests) -> bool:
        """Receive a request; whether there is one. Raises ParseException, TooSlow among them, and OSError."""
        kind, deadline, is_received = "", 0.0, False
        try:
            while not is_received:
                if requests.waits_for != kind:
                    kind = requests.waits_for
                    deadline = time.monotonic() + ALLOWED_S[kind]
                    self._waiting.enter(connection, kind, ALLOWED_S[kind])
                connection.settimeout(max(0.0, deadline - time.monotonic()))
                is_received = requests.receive()
        except NOT_NOW:
            if kind in ("head", "body"):
                raise wire.TooSlow(kind) from None
        except StopIteration:
            pass
        finally:
            self._waiting.leave(connection)
        return is_received

    @contextmanager
    def _share(self, request: Any) -> Iterator[None]:
        """Let the requests of sockets, which may take long, hold a share of the connections. Raises TooMany."""
        is_socket = wire.is_for_sockets(request.path)
        if is_socket and self._num_sockets >= self._max_sockets:
            raise wire.TooMany("sockets")
        self._num_sockets += is_socket
        try:
            if is_socket:  # One after the other, and between two of them everybody else has a turn.
                with self._turn:
                    eventlet.sleep(0)
            yield
        finally:
            self._num_sockets -= is_socket

    @contextmanager
    def _reading(self, connection: Any) -> Iterator[None]:
        """While this lasts the connection waits until its client reads an answer."""
        self._waiting.enter(connection, "unread answer", math.inf)
        if self._waiting.count("unread answer") > MAX_UNREAD:
            self._give_up(self._waiting.oldest("unread answer"))  # Never this one, which came last.
        try:
            yield
        finally:
            self._waiting.leave(connection)

    def _answer(self, request: Any, connection: Any, address: Any) -> bool:
        """Let the app answer; whether the connection is still one of HTTP then, and may be kept."""
        outgoing = PacedSocket(connection, partial(self._reading, connection))
        response, environ = wsgi.create(request, outgoing, address, connection.getsockname(), self._config)
        environ |= {"wsgi.multithread": True, "gunicorn.socket": connection}
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
        except Exception as error:
            logger.exception("Error handling a request")
            if not response.headers_sent:
                outgoing.sendall(wire.encode(500, wire.describe_defect(error)))
            return False
        return not response.should_close()
