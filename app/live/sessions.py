"""The sessions of Engine.IO: who waits to join, who has joined, and who is still there."""

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
from app.live.pace import Pace
from app.live.websocket import SESSION, WebSocket
from app.server.offences import Offences

logger = logging.getLogger(__name__)

JOIN_WITHIN_S = 5.0
"""From the handshake to the namespace, which needs the token; and from the probe of an upgrade to its end."""
MAX_WAITING = 128
MAX_WAITING_PER_ADDRESS = 64
TEND_EVERY_S = 0.25
FORGET_AFTER_S = 1.0


@dataclass(eq=False)
class Session:
    """A client, over whichever transport."""

    sid: str
    address: str
    socket: Any
    """python-engineio's."""
    offences: Offences
    waiting_since: float | None = field(default_factory=time.monotonic)
    """None once it has joined."""
    pace: Pace = field(default_factory=lambda: Pace(burst=20, per_s=10))
    """Of what it sends. To join takes one frame, or three when it upgrades as well."""
    pinged_at: float = field(default_factory=time.monotonic)
    has_answered: bool = True
    """The last ping."""
    mutex: Any = field(default_factory=threading.RLock)
    """Held while python-socketio begins the session, handles a message or ends it. It is not prepared for two at once:
    a client that joins while it is closed would stay in its rooms for ever.
    """
    is_polled: bool = False
    upgrading_since: float | None = None
    websocket: WebSocket | None = None

    @property
    def is_upgrading(self) -> bool:
        return self.upgrading_since is not None and not self.socket.upgraded

    @property
    def has_unsent(self) -> bool:
        """Whether something waits until the client takes it, beyond what the system's own buffers hold."""
        return self.socket.queue.qsize() > 0 or (self.websocket is not None and self.websocket.is_writing)

    def begin_upgrade(self) -> bool:
        """Note that a WebSocket is to take the place of polling; whether none is or does already."""
        if self.upgrading_since is not None or self.socket.upgraded:
            return False
        self.upgrading_since = time.monotonic()
        return True

    def end_upgrade(self) -> None:
        self.upgrading_since = None

    def check(self, packet: str) -> None:
        """Take note of a packet before python-engineio gets it. Raises Malformed."""
        packets.check(packet)
        if packet == packets.PONG:
            self.has_answered = True

    def offend(self, offence: str) -> None:
        self.offences.add(self.address, offence)


class Sessions:
    """Every session of an Engine.IO server, from its beginning to its end.

    Strangers can open sessions, so those that have not joined have few places. The place for a newcomer is taken from
    the oldest of those with the most: so whoever has the token gets in, however many others try.
    """

    def __init__(self, engine: Any, max_joined: int) -> None:
        self._engine = engine
        self._max_joined = max_joined
        self._inner = dict(engine.handlers)
        """python-socketio's, one an event."""
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
    def is_full(self) -> bool:
        """Whether as many have joined as may."""
        return sum(session.waiting_since is None for session in list(self._open.values())) >= self._max_joined

    def join(self, session: Session) -> bool:
        """Take a session out of those that wait; whether there was a place for it."""
        with self._lock:
            if self.is_full:
                return False
            session.waiting_since = None
        session.pace = Pace(burst=200, per_s=100)
        return True

    def leave(self, session: Session) -> None:
        """Let a session wait again, which left the namespace."""
        session.waiting_since = time.monotonic()

    def close(self, session: Session) -> None:
        """End a session and its connection at once."""
        session.socket.close(wait=False, abort=True)
        if session.websocket is not None:
            session.websocket.cut()

    def _connected(self, sid: str, environ: dict[str, Any]) -> Any:
        socket = self._engine.sockets[sid]
        # So the library leaves pings to `_look_after`. It would start a thread for each session that sleeps until the
        # next ping. And whoever sends to a client that did not answer would close it, so the supervisor, while its own
        # mutex is held, would wait for a client that waits to subscribe.
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
            if sid not in self._open:  # It was closed in another thread, and python-socketio has forgotten it.
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
        """The session that has to go if this one comes, the oldest of its address or of the one with the most."""
        waiting = [session for session in self._open.values() if session.waiting_since is not None]
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
                    self._look_after(session)
            except Exception:
                logger.exception("Error looking after the live connections")

    def _must_tend(self) -> bool:
        with self._lock:
            self._is_tended = bool(self._open or self._closed)
            return self._is_tended

    def _look_after(self, session: Session) -> None:
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
        """Take closed sockets out of the library's list, where they may stay for 20 s. Their last requests are over."""
        while self._closed and time.monotonic() - self._closed[0][0] > FORGET_AFTER_S:
            self._engine.sockets.pop(self._closed.popleft()[1], None)


def _is_late(since: float | None, now: float) -> bool:
    return since is not None and now - since > JOIN_WITHIN_S


def _network(address: str) -> str:
    """The network of an address that one client may have to itself: of IPv6 half of the bits."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4 or parsed.ipv4_mapped:
        return address
    return str(ipaddress.IPv6Address(int(parsed) >> 64 << 64))
