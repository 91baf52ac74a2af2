"""Emit the supervisor's events to the clients that keep up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from flask_socketio import SocketIO

from app.live.broadcast import Broadcast
from app.live.packets import NAMESPACE
from app.live.sessions import Sessions
from app.runs.follow.events import Event, QueueChanged, SystemMeasured, size_of
from app.runs.follow.follower import MAX_ANSWER_BYTES
from app.runs.follow.supervisor import Supervisor

FOLLOW = "follow"
"""The room of clients that follow the latest run, whichever it is. Followers of one run are in the room `run:ID`."""
RUN_PREFIX = "run:"
EVERYBODY = "everybody"

MAX_UNSENT_BYTES = 1024 * 1024
"""A client with more unread bytes gets nothing until it has read them. python-socketio's queues have no limit."""
MAX_EMPTY_ANSWER_BYTES = 256 * 1024
"""Limit on unread answers without content, for a client that subscribes again before it has read the last answer. One
such answer has some hundred bytes.
"""


@dataclass
class _Behind:
    """A client that got part of an answer and has not asked for the rest yet."""

    run_id: str | None
    is_answered: bool = False


class Emitter:
    """The sender of events. It skips clients that lag behind and tells them their position when they catch up."""

    def __init__(self, socketio: SocketIO, sessions: Sessions, broadcast: Broadcast, supervisor: Supervisor) -> None:
        self._socketio = socketio
        self._sessions = sessions
        self._broadcast = broadcast
        self.supervisor = supervisor
        self._lagging: dict[str, list[str]] = {}
        self._unsent_bytes: dict[str, int] = {}
        """Estimated bytes sent to each client since it last had nothing unread."""
        self._answer_bytes: dict[str, int] = {}
        """The same for answers without content, which are always sent."""
        self._answering: set[str] = set()
        self._behind: dict[str, _Behind] = {}
        self._receive = socketio.server.eio.handlers["message"]
        socketio.server.eio.on("message", self._received)

    @property
    def num_clients(self) -> int:
        return self._sessions.num_joined

    def publish(self, events: Sequence[Event]) -> None:
        """Send events of one run, or the measures, to its followers. The supervisor makes one call at a time."""
        if not events:
            return
        first = events[0]
        audience = [EVERYBODY] if isinstance(first, SystemMeasured | QueueChanged) else self._followers_of(first.run_id)
        size = sum(map(size_of, events))
        for sid, eio_sid in list(self._participants(audience)):
            if not self._has_room(sid, eio_sid, size):
                self.set_aside(sid)
        self._broadcast.send(events, audience)
        if isinstance(first, SystemMeasured):
            self._readmit()
            self._remind()

    def _followers_of(self, run_id: str) -> list[str]:
        return [room_of(run_id), *([FOLLOW] if run_id == self.supervisor.latest_run_id else [])]

    def forget(self, sid: str) -> None:
        self._lagging.pop(sid, None)
        self._behind.pop(sid, None)

    def disconnected(self, sid: str) -> None:
        self.forget(sid)
        self._unsent_bytes.pop(sid, None)
        self._answer_bytes.pop(sid, None)

    def set_aside(self, sid: str) -> None:
        """Stop emitting to a client that lags behind, until it has read what was sent."""
        own = self._socketio.server.rooms(sid, namespace=NAMESPACE)
        self._lagging[sid] = [room for room in own if room != sid]
        for room in self._lagging[sid]:
            self._socketio.server.leave_room(sid, room, namespace=NAMESPACE)

    def emit_position_later(self, sid: str, run_id: str | None) -> None:
        """Emit the position after the answer to the current message, and again each second until the client asks.

        A client that sees a gap while its subscription is in flight expects the answer to fill it. Some client
        libraries handle each message in its own thread, so one event is not enough.
        """
        self._behind[sid] = _Behind(run_id)

    def _received(self, eio_sid: str, message: str) -> None:
        self._receive(eio_sid, message)  # When this returns, the acknowledgement is sent.
        sid = self._socketio.server.manager.sid_from_eio_sid(eio_sid, NAMESPACE)
        behind = self._behind.get(sid)
        if behind is not None and not behind.is_answered:
            behind.is_answered = True
            self.emit_position(sid, behind.run_id)

    def emit_position(self, sid: str, run_id: str | None) -> None:
        """Emit the positions of the run's streams. A client that lacks something sees the gap and asks for the rest."""
        for event in self.supervisor.position(run_id):
            self._socketio.emit(event.name, event.payload(), namespace=NAMESPACE, to=sid)

    def _remind(self) -> None:
        for sid, behind in list(self._behind.items()):
            if behind.is_answered:
                self.emit_position(sid, behind.run_id)

    def _readmit(self) -> None:
        """Readmit clients that have read everything, and emit the position, so that they see the gap and catch up."""
        for sid, eio_sid in list(self._participants(list(self._lagging))):
            if self._has_unsent(eio_sid) or sid not in self._lagging:
                continue
            for room in self._lagging.pop(sid):
                with suppress(ValueError, KeyError):  # The client has left meanwhile.
                    self._socketio.server.enter_room(sid, room, namespace=NAMESPACE)
                if room != EVERYBODY:
                    self.emit_position(sid, None if room == FOLLOW else room.removeprefix(RUN_PREFIX))

    @contextmanager
    def answering(self, sid: str) -> Iterator[bool]:
        """Yield whether the client may get an answer with content: one at a time, and only if it keeps up."""
        eio_sid = self._socketio.server.manager.eio_sid_from_sid(sid, NAMESPACE)
        if sid in self._answering or eio_sid is None or not self._has_room(sid, eio_sid, MAX_ANSWER_BYTES):
            yield False
            return
        self._answering.add(sid)
        try:
            yield True
        finally:
            self._answering.discard(sid)

    def count_answer(self, sid: str, num_bytes: int) -> None:
        """Count an answer without content. Close a session that keeps subscribing but does not read the answers."""
        eio_sid = self._socketio.server.manager.eio_sid_from_sid(sid, NAMESPACE)
        session = self._sessions.get(eio_sid)
        if session is None:
            return
        answers = self._answer_bytes.get(sid, 0) if self._has_unsent(eio_sid) else 0
        self._answer_bytes[sid] = answers + num_bytes
        if self._answer_bytes[sid] > MAX_EMPTY_ANSWER_BYTES:
            session.offend("kept subscribing without reading the answers")
            self._sessions.close(session)

    def _has_room(self, sid: str, eio_sid: str, size: int) -> bool:
        """Return whether the client may get `size` more bytes, and count them if so."""
        unsent = self._unsent_bytes.get(sid, 0) if self._has_unsent(eio_sid) else 0
        if unsent + size > MAX_UNSENT_BYTES and unsent:
            return False
        self._unsent_bytes[sid] = unsent + size
        return True

    def _participants(self, audience: list[str]) -> Iterable[tuple[str, str]]:
        if not audience:
            return ()
        found: Iterable[tuple[str, str]] = self._socketio.server.manager.get_participants(NAMESPACE, audience)
        return found

    def _has_unsent(self, eio_sid: str) -> bool:
        session = self._sessions.get(eio_sid)
        return session is not None and session.has_unsent


def room_of(run_id: str) -> str:
    return RUN_PREFIX + run_id
