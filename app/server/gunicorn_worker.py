"""gunicorn's threaded worker, changed so that slow, silent and malicious clients cannot hold the threads of REST.

The thread that accepts connections also receives requests and sends the rest of answers. It never waits for one client.
The other threads get whole requests. They wait for a client only while they read a long body, send a long answer or
serve a socket. Each of these has a share of the threads. REST has the remaining threads.
"""

from __future__ import annotations

import errno
import logging
import math
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.sock import ssl_wrap_socket
from gunicorn.workers.gthread import ThreadWorker

from app.server import incoming, wire
from app.server.connection import MAX_UNSENT_BYTES, Connection, Readers
from app.server.incoming import NOT_NOW
from app.server.offences import Offences
from app.server.openfiles import NO_FILES, Capacity
from app.server.patience import GRACE_S, IDLE_S, LINGER_S, MIN_BYTES_PER_S
from app.server.waiting import MAX_UNREAD, Waiting, has_unread

logger = logging.getLogger("gunicorn.error")

REST_THREADS = 32
UPLOAD_THREADS = 16
"""Threads that wait for long or chunked bodies."""
DOWNLOAD_THREADS = 64
"""Threads that send answers too long to keep until the client takes them."""
OTHER_THREADS = REST_THREADS + UPLOAD_THREADS + DOWNLOAD_THREADS
"""All threads except those for sockets."""
PAUSE_S = 0.01

ALLOWED_S = incoming.ALLOWED_S | {
    "unread answer": GRACE_S + MAX_UNSENT_BYTES / MIN_BYTES_PER_S,
    "farewell": LINGER_S,
}
"""How long a connection may wait for each thing that its client has to do."""


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types.
    """The worker. Its accepting thread handles connections through `_act` only."""

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Accept any number of threads and connections, because idle connections make way for new ones."""

    def init_process(self) -> None:
        self.max_keepalived = self.worker_connections
        self._waiting: Waiting[Connection] = Waiting(lambda conn: has_unread(conn.sock.fileno()))
        self._inspected_at = time.monotonic()
        self._held: Counter[str] = Counter()
        """The number of busy threads of each share."""
        self._shares = {
            "sockets": min(self.cfg.threads - OTHER_THREADS, self.worker_connections // 2),
            "uploads": UPLOAD_THREADS,
        }
        self._readers = Readers(DOWNLOAD_THREADS)
        self._offences = Offences(wire.CONSEQUENCE)
        self._capacity = Capacity(self.worker_connections - 1)  # gunicorn stops accepting at the number itself.
        super().init_process()

    def accept(self, listener: Any) -> None:
        """Accept a connection. If there is no room, close an old connection that waits for its client."""
        while self._capacity.is_reached(self.nr_conns):
            if not self._make_room():
                return
        try:
            sock, client = listener.accept()
            if self.cfg.is_ssl:  # The handshake happens at the first read.
                sock = ssl_wrap_socket(sock, self.cfg)
        except OSError as error:
            if error.errno in NO_FILES:
                self._capacity.fell_short(error, self.nr_conns)
                time.sleep(PAUSE_S)
            return  # The connection still waits to be accepted, or is gone.
        self.nr_conns += 1
        conn = Connection(self.cfg, sock, client, listener.getsockname(), self._readers)
        self._act(conn, self._receive)

    def murder_pending(self) -> None:
        """End the connections whose client has taken too long, once a second. gunicorn calls this more often."""
        now = time.monotonic()
        if now - self._inspected_at < 1:
            return
        self._inspected_at = now
        for conn, kind in self._waiting.overdue(0 if self.alive else IDLE_S - LINGER_S):
            if kind in ("head", "body"):
                self._act(conn, partial(self._refuse, error=wire.TooSlow(kind)))
            else:
                self._close(conn)

    def handle(self, conn: Connection) -> bool:
        """Answer a request in a thread of its own, and return whether the connection may serve another."""
        is_websocket = conn.share == "sockets" and conn.requests.is_upgrade
        if is_websocket:
            conn.sock = conn.sock.bare
            conn.sock.settimeout(GRACE_S)
        else:
            conn.sock.begin_answer()
        try:
            is_kept = self.handle_request(conn.requests.request, conn)
            return bool(is_kept and not is_websocket and conn.requests.finish())
        except (StopIteration, ConnectionError, NoMoreData):
            pass
        except OSError as error:
            if error.errno not in (errno.ENOTCONN, errno.EBADF):
                logger.exception("Error serving a connection")
        except Exception as error:
            self._answer_defect(conn, error)
        return False

    def finish_request(self, conn: Connection, future: Any) -> None:
        """Continue with a connection whose thread has ended."""
        self._held[conn.share] -= 1
        may_continue = not future.cancelled() and future.exception() is None and future.result()
        self._act(conn, self._continue if may_continue else self._linger)

    def _act(self, conn: Connection, action: Callable[[Connection], None]) -> None:
        """Call `action` with a connection. An error closes only this connection."""
        try:
            action(conn)
        except OSError:  # The client is gone.
            self._close(conn)
        except Exception:
            logger.exception("Error serving a connection")
            self._close(conn)

    def _receive(self, conn: Connection) -> None:
        conn.sock.settimeout(0)
        try:
            while not conn.requests.receive():
                pass
        except NOT_NOW:
            self._wait(conn, conn.requests.waits_for, self._receive)
        except ParseException as error:
            self._refuse(conn, error)
        except StopIteration:
            self._close(conn)
        else:
            self._hand_over(conn)

    def _hand_over(self, conn: Connection) -> None:
        """Hand a request to a thread, or refuse it if its share has no thread left."""
        is_socket = wire.is_for_sockets(conn.requests.request.path)
        conn.share = "sockets" if is_socket else "rest" if conn.requests.has_body else "uploads"
        if self._held[conn.share] >= self._shares.get(conn.share, math.inf):
            self._refuse(conn, wire.TooMany(conn.share))
            return
        self._stop_waiting(conn)
        self._held[conn.share] += 1
        self.enqueue_req(conn)

    def _continue(self, conn: Connection) -> None:
        if self._is_sent(conn, self._continue):
            self._receive(conn)

    def _refuse(self, conn: Connection, error: ParseException) -> None:
        self._offences.add(wire.name_of(conn.client), wire.offence(error))
        conn.sock.sendall(wire.encode(*wire.refusal(error)))
        self._linger(conn)

    def _linger(self, conn: Connection) -> None:
        """End a connection so that a client that still sends can read the answer."""
        if conn.share == "sockets" and conn.requests.is_upgrade:
            with suppress(OSError):  # This wakes threads that still wait for the connection.
                conn.sock.shutdown(socket.SHUT_RDWR)
            self._close(conn)
        elif self._is_sent(conn, self._linger):
            conn.sock.settimeout(0)
            conn.sock.shutdown(socket.SHUT_WR)
            self._wait(conn, "farewell", self._discard)

    def _discard(self, conn: Connection) -> None:
        try:
            received = conn.sock.recv(65536)
        except NOT_NOW:
            return
        conn.num_discarded += len(received)
        if not received or conn.num_discarded > wire.LINGER_BYTES:
            self._close(conn)

    def _is_sent(self, conn: Connection, then: Callable[[Connection], None]) -> bool:
        """Return whether the client has taken the whole answer. If not, call `then` when it can take more."""
        if conn.sock.flush():
            return True
        self._wait(conn, "unread answer", then, selectors.EVENT_WRITE)
        if self._waiting.count("unread answer") > MAX_UNREAD:
            self._close(self._waiting.oldest("unread answer"))  # Never this one, because it is the newest.
        return False

    def _wait(
        self, conn: Connection, kind: str, then: Callable[[Connection], None], event: int = selectors.EVENT_READ
    ) -> None:
        """Call `then` each time the client has sent something, or can take more."""
        waited_for = self._waiting.enter(conn, kind, ALLOWED_S[kind])
        if waited_for is None:
            self.poller.register(conn.sock, event, partial(self._wake, conn, then))
        elif waited_for != kind:
            self.poller.modify(conn.sock, event, partial(self._wake, conn, then))

    def _wake(self, conn: Connection, then: Callable[[Connection], None], _: Any) -> None:
        if conn in self._waiting:  # The worker may have closed it since the poller saw it.
            self._act(conn, then)

    def _stop_waiting(self, conn: Connection) -> None:
        if self._waiting.leave(conn):
            self.poller.unregister(conn.sock)

    def _make_room(self) -> bool:
        """Close the most expendable connection, and return whether there was one. If not, pause."""
        conn = self._waiting.least_missed()
        if conn is None:
            time.sleep(PAUSE_S)
            return False
        self._close(conn)
        return True

    def _close(self, conn: Connection) -> None:
        self._stop_waiting(conn)
        self.nr_conns -= 1
        conn.close()

    def _answer_defect(self, conn: Connection, error: Exception) -> None:
        """Answer a request on which the app failed. The app itself answers requests with a malformed body."""
        if isinstance(error, ParseException) and not wire.is_ours(error):
            return
        logger.error("Error handling a request", exc_info=error)
        with suppress(OSError):
            conn.sock.sendall(wire.encode(500, wire.describe_defect(error)))
