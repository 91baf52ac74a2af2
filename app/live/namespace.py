"""The Socket.IO namespace: subscribe, catch up, unsubscribe."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

from flask import request
from flask_socketio import ConnectionRefusedError, Namespace, join_room, leave_room, rooms
from marshmallow import ValidationError

from app.access import Access
from app.live.emitter import EVERYBODY, FOLLOW, Emitter, room_of
from app.live.encoding import SocketJson
from app.live.packets import NAMESPACE
from app.live.sessions import Sessions
from app.live.websocket import SESSION
from app.problems import error_body
from app.rest.errors import status_of
from app.runs.exceptions import RunError
from app.runs.follow.position import Attempts, Position
from app.schemas.requests import SubscribeSchema


class TrainingNamespace(Namespace):  # type: ignore[misc]  # Flask-SocketIO has no types.
    """The events from clients. An acknowledgement answers `subscribe`. Errors have the same shape as in REST."""

    def __init__(self, emitter: Emitter, sessions: Sessions, access: Access) -> None:
        super().__init__(NAMESPACE)
        self._emitter = emitter
        self._sessions = sessions
        self._access = access
        self._turn = threading.Lock()
        """Held while the service answers one client."""
        self._answered: dict[str, Attempts] = {}
        """The attempts of each client's last answer, so that the client need not name them."""

    def on_connect(self, auth: Any = None) -> None:
        token = auth.get("token") if isinstance(auth, dict) else None
        if (self._access.grant(token) or self._access.grant_of(request.environ)) is None:
            raise ConnectionRefusedError(
                "This service needs a token. Connect with auth {token: TOKEN} or send Authorization: Bearer TOKEN."
            )
        if not self._sessions.join(request.environ[SESSION]):
            raise ConnectionRefusedError("Too many sockets are already open. TRAINING_MAX_SOCKETS is the limit.")
        join_room(EVERYBODY)

    def on_subscribe(self, request_body: Any = None, *_: Any) -> dict[str, Any]:
        sid = request.sid  # type: ignore[attr-defined]
        with self._turn, self._emitter.answering(sid) as has_room:
            answer = self._answer(sid, request_body, has_room)
            self.socketio.sleep(0)  # Otherwise a REST request would wait for all subscribers.
        if not has_room:
            self._emitter.count_answer(sid, len(SocketJson.dumps(answer)))
        return answer

    def _answer(self, sid: str, request_body: Any, has_room: bool) -> dict[str, Any]:
        try:
            wanted = SubscribeSchema().load({} if request_body is None else request_body)
        except ValidationError as error:
            return error_body(422, "The subscription is malformed.", error.messages_dict)
        run_id = wanted["run_id"]

        def join() -> None:
            with suppress(ValueError, KeyError):  # The client has left meanwhile.
                self.on_unsubscribe()
                join_room(EVERYBODY)
                join_room(FOLLOW if run_id is None else room_of(run_id))

        position = Position(wanted["row"], wanted["log_offset"], wanted["attempt"], self._answered.get(sid))
        try:
            body, is_complete, attempts = self._emitter.supervisor.subscribe(run_id, position, join, has_room)
        except RunError as error:
            return error_body(status_of(error), str(error))
        if attempts is not None:
            self._answered[sid] = attempts
        if not is_complete and (body["rows"] or body["log"]["text"]):
            self._emitter.emit_position_later(sid, run_id)  # The client asks for the rest in chunks, at its own pace.
        elif not is_complete:
            self._emitter.set_aside(sid)  # The client has unread bytes, or the run's files are being rewritten.
        return body

    def on_unsubscribe(self, *_: Any) -> None:
        sid = request.sid  # type: ignore[attr-defined]
        self._emitter.forget(sid)
        for room in rooms():
            if room not in (sid, EVERYBODY):
                leave_room(room)

    def on_disconnect(self, *_: Any) -> None:
        self._answered.pop(request.sid, None)  # type: ignore[attr-defined]
        self._emitter.disconnected(request.sid)  # type: ignore[attr-defined]
        self._sessions.leave(request.environ[SESSION])
