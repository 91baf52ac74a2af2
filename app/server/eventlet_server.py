"""Serve on eventlet: a green thread per connection, and gunicorn's HTTP parser, which is stricter than eventlet's."""

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
from app.server.waiting import MAX_UNREAD, Waiting, has_unread

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

logger = logging.getLogger(__name__)

BACKLOG = 1024
READ_BYTES = 65536
PAUSE_S = 0.01
MAX_GIVEN_UP = 32


class Server:
    """The server of an app that was created for eventlet."""

    def __init__(self, app: WSGIApplication, host: str, port: int) -> None:
        """Listen. Raises OSError."""
        self._app = app
        self._config = Config()
        self._config.set("limit_request_line", wire.LIMIT_REQUEST_LINE)
        self._waiting: Waiting[Any] = Waiting(lambda connection: has_unread(connection.fileno()))
        self._num_open = 0
        self._given_up: set[Any] = set()
        """Connections that are shut down but not closed yet."""
        self._num_sockets = self._max_sockets = 0
        self._turn = Semaphore()
        self._offences = Offences(wire.CONSEQUENCE)
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self._listener = eventlet.listen(address, family, backlog=BACKLOG)

    @property
    def port(self) -> int:
        """The port that it listens on, including one that the system chose."""
        return int(self._listener.getsockname()[1])

    def serve(self, max_connections: int) -> None:
        """Accept connections, at most `max_connections` at a time, until a signal stops the process.

        Sockets can hold half of them. If there is no room, the server ends an old connection that waits for its client.
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
                continue  # The connection still waits to be accepted, or is gone.
            self._num_open += 1
            eventlet.spawn_n(self._serve, connection, address)

    def _make_room(self) -> None:
        """Shut down a connection and let its thread close it. If there is none to spare, pause."""
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
            # The app may close a WebSocket in one thread while another thread waits to read. The open file keeps the
            # descriptor until both end. If the system reused its number earlier, two readers would share it.
            with connection, connection.makefile("rb"), suppress(OSError):
                self._serve_requests(connection, address)
        finally:
            self._num_open -= 1
            self._given_up.discard(connection)

    def _serve_requests(self, connection: Any, address: Any) -> None:
        # Send each write at once. Nagle's algorithm would hold the second chunk of an answer until the client
        # acknowledges the first. With most clients that keep their connection, that takes 40 ms.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        requests = Requests(self._config, connection, address)
        try:
            while self._receive(connection, requests):
                with self._share(requests.request):
                    is_kept = self._answer(requests.request, connection, address)
                if not is_kept or not requests.finish():
                    break
                if requests.waits_for == "head":  # The next request came with this one. Let other threads run first.
                    eventlet.sleep(0)
        except errors.ParseException as error:
            self._offences.add(wire.name_of(address), wire.offence(error))
            connection.sendall(wire.encode(*wire.refusal(error)))
        self._linger(connection)

    def _linger(self, connection: Any) -> None:
        """End a connection so that a client that still sends its request can read the answer."""
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
                eventlet.sleep(0)  # A fast client would keep this loop busy.
        finally:
            self._waiting.leave(connection)

    def _receive(self, connection: Any, requests: Requests) -> bool:
        """Receive a request, and return whether there is one. Raises ParseException (such as TooSlow) and OSError."""
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
        """Limit the requests of sockets, which may take long, to a share of the connections. Raises TooMany."""
        is_socket = wire.is_for_sockets(request.path)
        if is_socket and self._num_sockets >= self._max_sockets:
            raise wire.TooMany("sockets")
        self._num_sockets += is_socket
        try:
            if is_socket:  # One after the other. Between two of them all other threads can run.
                with self._turn:
                    eventlet.sleep(0)
            yield
        finally:
            self._num_sockets -= is_socket

    @contextmanager
    def _reading(self, connection: Any) -> Iterator[None]:
        """Count the connection as waiting for its client to read an answer, while the context lasts."""
        self._waiting.enter(connection, "unread answer", math.inf)
        if self._waiting.count("unread answer") > MAX_UNREAD:
            self._give_up(self._waiting.oldest("unread answer"))  # Never this one, because it is the newest.
        try:
            yield
        finally:
            self._waiting.leave(connection)

    def _answer(self, request: Any, connection: Any, address: Any) -> bool:
        """Let the app answer, and return whether the connection may serve another HTTP request."""
        outgoing = PacedSocket(connection, partial(self._reading, connection))
        response, environ = wsgi.create(request, outgoing, address, connection.getsockname(), self._config)
        environ |= {"wsgi.multithread": True, "gunicorn.socket": connection}
        try:
            answer = self._app(environ, response.start_response)
            try:
                for chunk in answer:
                    response.write(chunk)
                response.close()
                outgoing.finish()
            finally:
                if hasattr(answer, "close"):
                    answer.close()
        except StopIteration:  # It was a WebSocket, which ends in the same way under gunicorn.
            return False
        except OSError:
            raise
        except Exception as error:
            logger.exception("Error handling a request")
            if not response.headers_sent:
                outgoing.sendall(wire.encode(500, wire.describe_defect(error)))
                outgoing.finish()
            return False
        return not response.should_close()
