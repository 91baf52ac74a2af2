"""The Engine.IO sessions: which wait to join, which have joined, and which have gone."""

from __future__ import annotations

import ipaddress
import logging
import threading
import time
from collections import Counter, deque
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

from engineio.exceptions import SocketIsClosedError
from engineio.packet import PING, Packet

from app.live import packets
from app.live.ratelimit import RateLimit
from app.live.websocket import SESSION, WebSocket
from app.server.offences import Offences

logger = logging.getLogger(__name__)

JOIN_WITHIN_S = 5.0
"""The limit from the handshake until the client joins the namespace with the token, and on the time of an upgrade."""
MAX_WAITING = 128
MAX_WAITING_PER_ADDRESS = 64
TEND_EVERY_S = 0.25
FORGET_AFTER_S = 1.0


@dataclass(eq=False)
class Session:
    """A client's session, over polling or a WebSocket."""

    sid: str
    address: str
    socket: Any
    """python-engineio's socket."""
    offences: Offences
    waiting_since: float | None = field(default_factory=time.monotonic)
    """None once the client has joined."""
    rate_limit: RateLimit = field(default_factory=lambda: RateLimit(burst=20, per_s=10))
    """Limits what the client sends. Joining takes one frame, or three with an upgrade."""
    pinged_at: float = field(default_factory=time.monotonic)
    has_answered: bool = True
    """Whether the client has answered the last ping."""
    mutex: Any = field(default_factory=threading.RLock)
    """Held while python-socketio opens the session, handles a message or closes it. The library cannot do two of these
    at once: a client that joins while its session closes would stay in its rooms forever.
    """
    is_polled: bool = False
    upgrading_since: float | None = None
    websocket: WebSocket | None = None

    @property
    def is_upgrading(self) -> bool:
        return self.upgrading_since is not None and not self.socket.upgraded

    @property
    def has_unsent(self) -> bool:
        """Whether the service holds bytes for the client, in addition to those in the system's buffers."""
        return self.socket.queue.qsize() > 0 or (self.websocket is not None and self.websocket.is_writing)

    def begin_upgrade(self) -> bool:
        """Start replacing polling by a WebSocket. Return False if the session has a WebSocket or is upgrading."""
        if self.upgrading_since is not None or self.socket.upgraded:
            return False
        self.upgrading_since = time.monotonic()
        return True

    def end_upgrade(self) -> None:
        self.upgrading_since = None

    def check(self, packet: str) -> None:
        """Check a packet before python-engineio gets it, and note an answered ping. Raises Malformed."""
        packets.check(packet)
        if packet == packets.PONG:
            self.has_answered = True

    def offend(self, offence: str) -> None:
        self.offences.add(self.address, offence)


class Sessions:
    """All sessions of an Engine.IO server, each from its beginning to its end.

    Strangers can open sessions, so there are few places for sessions that have not joined. A newcomer takes the place
    of the oldest session of its own address, or of the address with the most sessions. So a client with the token gets
    in, however many others try.
    """

    def __init__(self, engine: Any, max_joined: int) -> None:
        self._engine = engine
        self._max_joined = max_joined
        self._inner = dict(engine.handlers)
        """python-socketio's handlers, one per event."""
        self._open: dict[str, Session] = {}
        self._closed: deque[tuple[float, str]] = deque()
        self._lock = threading.Lock()
        self._offences = Offences("Its connection is closed")
        self._is_tended = False
        for event, handle in (
            ("connect", self._connected),
            ("message", self._received),
            ("disconnect", self._disconnected),
        ):
            engine.on(event, handle)

    def get(self, sid: str) -> Session | None:
        return self._open.get(sid)

    @property
    def num_joined(self) -> int:
        return sum(session.waiting_since is None for session in list(self._open.values()))

    @property
    def is_full(self) -> bool:
        """Whether no more clients may join."""
        return self.num_joined >= self._max_joined

    def join(self, session: Session) -> bool:
        """Move a session from the waiting ones to the joined ones. Return False if there is no place for it."""
        with self._lock:
            if self.is_full:
                return False
            session.waiting_since = None
        session.rate_limit = RateLimit(burst=200, per_s=100)
        return True

    def leave(self, session: Session) -> None:
        """Let a session that has left the namespace wait again."""
        session.waiting_since = time.monotonic()

    def close(self, session: Session) -> None:
        """Close a session and its connection at once."""
        session.socket.close(wait=False, abort=True)
        if session.websocket is not None:
            session.websocket.cut()

    def _connected(self, sid: str, environ: dict[str, Any]) -> Any:
        socket = self._engine.sockets[sid]
        # This leaves pings to `_check`. Otherwise the library starts a thread per session that sleeps until the
        # next ping. It also makes whoever sends to a silent client close it. Then the supervisor, which holds its mutex
        # while it sends, would wait for a client that waits to subscribe.
        socket.last_ping = None
        session = environ[SESSION] = Session(
            sid, environ.get("REMOTE_ADDR") or "a local socket", socket, self._offences
        )
        with session.mutex:
            with self._lock:
                displaced = self._displaced_by(session)
                self._open[sid] = session
                must_tend, self._is_tended = not self._is_tended, True
            answer = self._inner["connect"](sid, environ)
        if displaced is not None:
            self.close(displaced)
        if must_tend:
            self._engine.start_background_task(self._tend)
        return answer

    def _received(self, sid: str, message: str) -> None:
        session = self._open.get(sid)
        if session is None:
            return
        with session.mutex:
            if sid not in self._open:  # Another thread has closed it, and python-socketio has forgotten it.
                return
            namespace = packets.other_namespace(message)
            if namespace is None:
                self._inner["message"](sid, message)
            else:
                self._engine.send(sid, packets.refusal(namespace))

    def _disconnected(self, sid: str, reason: str) -> None:
        session = self._open.get(sid)
        with session.mutex if session is not None else nullcontext():
            self._open.pop(sid, None)
            self._closed.append((time.monotonic(), sid))
            self._inner["disconnect"](sid, reason)

    def _displaced_by(self, newcomer: Session) -> Session | None:
        """Return the session to close for a newcomer, or None if there is a free place.

        It is the oldest session of the newcomer's network, or of the network with the most sessions.
        """
        waiting = [session for session in list(self._open.values()) if session.waiting_since is not None]
        counts = Counter(_network(session.address) for session in waiting)
        network = _network(newcomer.address)
        if counts[network] < MAX_WAITING_PER_ADDRESS:
            if len(waiting) < MAX_WAITING:
                return None
            network = counts.most_common(1)[0][0]
        return next(session for session in waiting if _network(session.address) == network)

    def _tend(self) -> None:
        while self._must_tend():
            self._engine.sleep(TEND_EVERY_S)
            try:
                self._forget_closed()
                for session in list(self._open.values()):
                    self._check(session)
            except Exception:
                logger.exception("Error checking the live connections")

    def _must_tend(self) -> bool:
        with self._lock:
            self._is_tended = bool(self._open or self._closed)
            return self._is_tended

    def _check(self, session: Session) -> None:
        """Close a session that is late or silent, and ping it when it is due."""
        now = time.monotonic()
        if session.waiting_since is not None and now - session.waiting_since > JOIN_WITHIN_S:
            self.close(session)
        elif session.is_upgrading and session.websocket is not None and _is_late(session.upgrading_since, now):
            session.websocket.cut()
        elif not session.has_answered and now - session.pinged_at > self._engine.ping_timeout:
            self.close(session)
        elif session.has_answered and now - session.pinged_at >= self._engine.ping_interval:
            session.pinged_at, session.has_answered = now, False
            with suppress(SocketIsClosedError):
                session.socket.send(Packet(PING))

    def _forget_closed(self) -> None:
        """Remove closed sockets whose last requests are over. The library would keep them for up to 20 s."""
        while self._closed and time.monotonic() - self._closed[0][0] > FORGET_AFTER_S:
            self._engine.sockets.pop(self._closed.popleft()[1], None)


def _is_late(since: float | None, now: float) -> bool:
    return since is not None and now - since > JOIN_WITHIN_S


def _network(address: str) -> str:
    """Return the network that one client may own: the address itself, or with IPv6 its first 64 bits."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4 or parsed.ipv4_mapped:
        return address
    return str(ipaddress.IPv6Address(int(parsed) >> 64 << 64))
