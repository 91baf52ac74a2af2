"""The Socket.IO namespace: subscribe, catch up, and emit what the supervisor publishes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from flask import request
from flask_socketio import ConnectionRefusedError, Namespace, SocketIO, join_room, leave_room, rooms
from marshmallow import ValidationError

from app.access import Access
from app.live.broadcast import NAMESPACE, Broadcast
from app.problems import error_body
from app.rest.errors import status_of
from app.runs.exceptions import RunError
from app.runs.follow.events import Event, SystemMeasured, size_of
from app.runs.follow.follower import MAX_ANSWER_BYTES
from app.runs.follow.position import Attempts, Position
from app.runs.follow.supervisor import Supervisor
from app.schemas import SubscribeSchema

FOLLOW = "follow"
"""The room of those who follow whatever runs; a run's own followers are in the room `run:ID`."""
RUN_PREFIX = "run:"
EVERYBODY = "everybody"

MAX_UNSENT_BYTES = 1024 * 1024
"""A client with more to take gets nothing until it has taken it: python-socketio's queues have no bound. What the
library has taken from the queue, to send it, comes on top: about as much again.
"""

Environ = dict[str, Any]


@dataclass
class _Behind:
    """A client that gets an answer in part and has not asked for the rest yet."""

    run_id: str | None
    is_answered: bool = False


class Live:
    """Emit events to the clients that can take them."""

    def __init__(self, socketio: SocketIO, broadcast: Broadcast, supervisor: Supervisor) -> None:
        self._socketio = socketio
        self.supervisor = supervisor
        self._broadcast = broadcast
        self._lagging: dict[str, list[str]] = {}
        self._unsent_bytes: dict[str, int] = {}
        """About how many each client has been sent since its queue was empty last."""
        self._answering: set[str] = set()
        self._behind: dict[str, _Behind] = {}

    def publish(self, events: Sequence[Event]) -> None:
        """Send events of one run, or the measures, to its followers. Called by the supervisor, one call at a time."""
        if not events:
            return
        first = events[0]
        audience = [EVERYBODY] if isinstance(first, SystemMeasured) else [FOLLOW, room_of(first.run_id)]
        size = sum(map(size_of, events))
        for sid, eio_sid in list(self._participants(audience)):
            if not self._takes(sid, eio_sid, size):
                self.set_aside(sid)
        self._broadcast.send(events, audience)
        if isinstance(first, SystemMeasured):
            self._readmit()
            self._remind()

    def forget(self, sid: str) -> None:
        self._lagging.pop(sid, None)
        self._behind.pop(sid, None)

    def disconnected(self, sid: str) -> None:
        self.forget(sid)
        self._unsent_bytes.pop(sid, None)

    def set_aside(self, sid: str) -> None:
        """Emit nothing to a client that has not caught up, until it has taken what it was sent."""
        own = self._socketio.server.rooms(sid, namespace=NAMESPACE)
        self._lagging[sid] = [room for room in own if room != sid]
        for room in self._lagging[sid]:
            self._socketio.server.leave_room(sid, room, namespace=NAMESPACE)

    def tell_position_later(self, sid: str, run_id: str | None) -> None:
        """State the position once the present thread has ended, which sends the acknowledgement last of all.

        A client that hears of a gap while its subscription is in flight takes the answer for what fills it. As some
        libraries handle each message in a thread of its own, it is told again each second until it asks.
        """
        acknowledging, behind = threading.current_thread(), _Behind(run_id)
        self._behind[sid] = behind

        def tell() -> None:
            acknowledging.join()
            behind.is_answered = True
            if self._behind.get(sid) is behind:  # Else it has asked already.
                self.tell_position(sid, run_id)

        self._socketio.start_background_task(tell)

    def tell_position(self, sid: str, run_id: str | None) -> None:
        """State where the run's streams stand: a client that has not everything sees the gap and asks for the rest."""
        for event in self.supervisor.position(run_id):
            self._socketio.emit(event.name, event.payload(), namespace=NAMESPACE, to=sid)

    def _remind(self) -> None:
        for sid, behind in list(self._behind.items()):
            if behind.is_answered:
                self.tell_position(sid, behind.run_id)

    def _readmit(self) -> None:
        """Let those who have taken everything back in, and tell them the position: they see the gap and catch up."""
        for sid, eio_sid in list(self._participants(list(self._lagging))):
            if self._num_queued(eio_sid) or sid not in self._lagging:
                continue
            for room in self._lagging.pop(sid):
                with suppress(ValueError, KeyError):  # It has left meanwhile.
                    self._socketio.server.enter_room(sid, room, namespace=NAMESPACE)
                if room != EVERYBODY:
                    self.tell_position(sid, None if room == FOLLOW else room.removeprefix(RUN_PREFIX))

    @contextmanager
    def answering(self, sid: str) -> Iterator[bool]:
        """Whether a client gets an answer with something in it: one at a time, if it has taken what it was sent."""
        eio_sid = self._socketio.server.manager.eio_sid_from_sid(sid, NAMESPACE)
        if sid in self._answering or eio_sid is None or not self._takes(sid, eio_sid, MAX_ANSWER_BYTES):
            yield False
            return
        self._answering.add(sid)
        try:
            yield True
        finally:
            self._answering.discard(sid)

    def _takes(self, sid: str, eio_sid: str, size: int) -> bool:
        """Whether a client can be sent so many bytes more, which then count."""
        unsent = self._unsent_bytes.get(sid, 0) if self._num_queued(eio_sid) else 0
        if unsent + size > MAX_UNSENT_BYTES and unsent:
            return False
        self._unsent_bytes[sid] = unsent + size
        return True

    def _participants(self, audience: list[str]) -> Iterable[tuple[str, str]]:
        if not audience:
            return ()
        found: Iterable[tuple[str, str]] = self._socketio.server.manager.get_participants(NAMESPACE, audience)
        return found

    def _num_queued(self, eio_sid: str) -> int:
        socket = self._socketio.server.eio.sockets.get(eio_sid)
        return socket.queue.qsize() if socket is not None else 0


class TrainingNamespace(Namespace):  # type: ignore[misc]  # Flask-SocketIO has no types.
    """The events from clients. Answers to `subscribe` are acknowledgements, errors have the shape of REST's."""

    def __init__(self, live: Live, access: Access) -> None:
        super().__init__(NAMESPACE)
        self._live = live
        self._access = access
        self._told: dict[str, Attempts] = {}
        """By client what its last answer was about, so that it need not say that itself."""

    def on_connect(self, auth: Any = None) -> None:
        token = auth.get("token") if isinstance(auth, dict) else None
        if not self._access.is_token_right(token):
            raise ConnectionRefusedError("This service needs its token: connect with auth {token: TOKEN}.")
        join_room(EVERYBODY)

    def on_subscribe(self, asked: Any = None, *_: Any) -> dict[str, Any]:
        try:
            wanted = SubscribeSchema().load({} if asked is None else asked)
        except ValidationError as error:
            return error_body(422, "The subscription is malformed.", error.messages_dict)
        run_id, sid = wanted["run_id"], request.sid  # type: ignore[attr-defined]

        def join() -> None:
            with suppress(ValueError, KeyError):  # It has left meanwhile.
                self.on_unsubscribe()
                join_room(EVERYBODY)
                join_room(FOLLOW if run_id is None else room_of(run_id))

        position = Position(wanted["row"], wanted["log_offset"], wanted["attempt"], self._told.get(sid))
        try:
            with self._live.answering(sid) as has_room:
                told, is_all, attempts = self._live.supervisor.subscribe(run_id, position, join, has_room)
        except RunError as error:
            return error_body(status_of(error), str(error))
        if attempts is not None:
            self._told[sid] = attempts
        if not is_all and (told["rows"] or told["log"]["text"]):
            self._live.tell_position_later(sid, run_id)  # So the rest comes in pieces, as fast as it is taken.
        elif not is_all:
            self._live.set_aside(sid)  # It has to take other things first, or its files are being rewritten.
        return told

    def on_unsubscribe(self, *_: Any) -> None:
        sid = request.sid  # type: ignore[attr-defined]
        self._live.forget(sid)
        for room in rooms():
            if room not in (sid, EVERYBODY):
                leave_room(room)

    def on_disconnect(self, *_: Any) -> None:
        self._told.pop(request.sid, None)  # type: ignore[attr-defined]
        self._live.disconnected(request.sid)  # type: ignore[attr-defined]


class SocketGate:
    """WSGI: refuse sockets that could not be served, with the reason, before they are opened.

    With several worker processes the requests of a long poll would land in processes that do not know the client. And
    each socket holds a thread under gunicorn, so only so many are let in: REST has to answer always.
    """

    PATH = "/socket.io"

    def __init__(self, wsgi_app: Any, socketio: SocketIO, access: Access, max_sockets: int) -> None:
        self._wsgi_app = wsgi_app
        self._socketio = socketio
        self._access = access
        self._max_sockets = max_sockets

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        refusal = self._refusal(environ) if environ.get("PATH_INFO", "").startswith(self.PATH) else None
        if refusal is None:
            answer: Iterable[bytes] = self._wsgi_app(environ, start_response)
            return answer
        told = error_body(*refusal)
        body = json.dumps(told).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response(f"{told['code']} {told['status']}", headers)
        return [body]

    def _refusal(self, environ: Environ) -> tuple[int, str] | None:
        stranger = self._access.refusal(environ)
        if stranger is not None:
            return 403, stranger
        if environ.get("wsgi.multiprocess") and environ.get("HTTP_UPGRADE", "").lower() != "websocket":
            return 503, (
                "With several worker processes live updates need a WebSocket: connect with the transport websocket "
                "alone, and let proxies pass its upgrade on. Long polling works with one worker (-w 1)."
            )
        is_new = "sid=" not in environ.get("QUERY_STRING", "")
        # Those that are closed may stay in the list for half a minute (python-engineio 4 under gunicorn).
        num_open = sum(not known.closed for known in list(self._socketio.server.eio.sockets.values()))
        if is_new and num_open >= self._max_sockets:
            return 503, f"{self._max_sockets} sockets are open already, as many as TRAINING_MAX_SOCKETS allows."
        return None


def room_of(run_id: str) -> str:
    return RUN_PREFIX + run_id
