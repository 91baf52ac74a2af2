"""Sessions: a client that stops answering pings is closed, but never by a thread that holds a lock."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import socketio

from app.live.sessions import Session, Sessions
from app.live.websocket import SESSION
from tests.waiting import wait_until


@pytest.fixture
def server() -> socketio.Server:
    return socketio.Server(async_mode="threading", ping_interval=0.3, ping_timeout=0.5, monitor_clients=False)


def open_session(server: socketio.Server) -> Session:
    environ: dict[str, Any] = {"REQUEST_METHOD": "GET", "QUERY_STRING": "EIO=4&transport=polling"}
    server.eio.handle_request(environ, lambda *_: None)
    session = environ[SESSION]
    assert isinstance(session, Session)
    return session


def test_only_a_client_that_answers_pings_stays_connected(server: socketio.Server) -> None:
    sessions = Sessions(server.eio, max_joined=2)
    present, absent = open_session(server), open_session(server)
    assert sessions.join(present)
    assert sessions.join(absent)

    def has_closed_the_absent_one() -> bool:
        if not present.has_answered:
            present.check("3")
        return sessions.get(absent.sid) is None

    wait_until(has_closed_the_absent_one, 5)
    assert absent.socket.closed
    assert sessions.get(present.sid) is present
    sessions.close(present)  # The thread that watches the sessions ends with the last one.


def test_a_thread_that_sends_to_a_client_never_closes_it_for_a_missed_ping(server: socketio.Server) -> None:
    """The supervisor sends while it holds a lock that the client's own thread may wait for."""
    sessions = Sessions(server.eio, max_joined=1)
    session = open_session(server)
    assert sessions.join(session)
    with session.mutex:  # The client's thread holds it while it handles a message.
        wait_until(lambda: not session.has_answered, 5)
        wait_until(lambda: time.monotonic() - session.pinged_at > 2 * server.eio.ping_timeout, 5)
        sender = threading.Thread(target=server.eio.send, args=(session.sid, "2"), daemon=True)
        sender.start()
        sender.join(3)
        assert not sender.is_alive()
    wait_until(lambda: sessions.get(session.sid) is None, 5)
