"""Limits for clients that have not joined: few connections and little time, apart from those of joined clients."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import requests
import socketio

from tests.conftest import end
from tests.live.stranger import Stranger
from tests.live.test_gate import POLLING, num_sockets, open_polling_session
from tests.servers import JOIN_TIMEOUT_S, KINDS, LiveServer, disconnect
from tests.waiting import wait_until

TOKEN = "correct-horse"
JOIN = f'40/training,{{"token":"{TOKEN}"}}'
JOINED = b'40/training,{"sid"'


@pytest.fixture(scope="module", params=KINDS)
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with a token that all tests of this file share."""
    server = LiveServer(tmp_path_factory.mktemp("guarded"), request.param, TRAINING_API_TOKEN=TOKEN)
    yield server.start()
    end(server)


@contextmanager
def joined(server: LiveServer, **options: object) -> Iterator[socketio.Client]:
    client = socketio.Client(reconnection=False)
    client.connect(
        server.url, namespaces=["/training"], wait_timeout=JOIN_TIMEOUT_S, **{"auth": {"token": TOKEN}} | options
    )
    try:
        yield client
    finally:
        disconnect(client)


def threads_of(server: LiveServer) -> int:
    return sum(process.num_threads() for process in server.processes())


def test_silent_strangers_block_no_client_and_are_closed_after_5_s(guarded: LiveServer) -> None:
    threads, sockets = threads_of(guarded), num_sockets(guarded)
    with ExitStack() as stack:
        start_time = time.monotonic()
        strangers = [
            stack.enter_context(Stranger(guarded, source=f"127.0.0.{2 + number % 5}")) for number in range(300)
        ]
        for transport in ("websocket", "polling"):
            with joined(guarded, transports=[transport]):
                assert guarded.get("/ping").ok
        assert sum(not stranger.is_closed() for stranger in strangers) <= 128
        assert threads_of(guarded) - threads < 2 * 128 + 60
        wait_until(lambda: all(stranger.is_closed() for stranger in strangers), 10)
        assert time.monotonic() - start_time > 4, "the server must give strangers 5 s"
        wait_until(lambda: num_sockets(guarded) < sockets + 10, 5)


def test_a_stranger_replaces_those_of_its_own_address_first(guarded: LiveServer) -> None:
    with ExitStack() as stack:
        quiet = stack.enter_context(Stranger(guarded, source="127.0.0.9"))
        loud = [stack.enter_context(Stranger(guarded, source="127.0.0.8")) for _ in range(100)]
        wait_until(lambda: all(stranger.is_closed() for stranger in loud[:36]), 3)
        assert not any(stranger.is_closed() for stranger in (quiet, *loud[36:]))
        quiet.send_packet(JOIN)
        quiet.receive_until(JOINED)


def test_only_joined_clients_stay_connected(guarded: LiveServer) -> None:
    with Stranger(guarded) as wrong, Stranger(guarded) as leaver, Stranger(guarded) as member:
        for auth in ("", '{"token":"wrong"}', '{"token":["x"]}', '{"token":null}', "{}"):
            wrong.send_packet(f"40/training,{auth}")
            wrong.receive_until(b"44/training,")
            wrong.received = b""
        wrong.send_packet('42/training,1["subscribe",{}]')
        for _ in range(2):
            leaver.received = b""
            leaver.send_packet(JOIN)
            leaver.receive_until(JOINED)
            leaver.send_packet("41/training,")
        member.send_packet(JOIN)
        address = open_polling_session(guarded)
        assert requests.get(address, timeout=20).text == "", "the poll must end with the session"
        assert requests.get(address, timeout=20).status_code == 400
        assert wrong.is_closed(8)
        assert b"43/training" not in wrong.received
        assert leaver.is_closed(8)
        assert not member.is_closed(2)
        assert member.received.count(b'["system"') > 2


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]])
def test_the_token_may_come_in_auth_or_in_a_header(guarded: LiveServer, transports: list[str]) -> None:
    header = {"headers": {"Authorization": f"Bearer {TOKEN}"}, "auth": None}
    for options in ({}, header):
        with joined(guarded, transports=transports, **options) as client:
            assert client.transport() == transports[-1]
            assert client.call("subscribe", {}, namespace="/training", timeout=10)["rows"] == []
    refused = socketio.Client(reconnection=False)
    with pytest.raises(socketio.exceptions.ConnectionError):
        refused.connect(guarded.url, namespaces=["/training"], headers={"Authorization": "Bearer wrong"})
    disconnect(refused)


def test_a_session_allows_one_poll_at_a_time(guarded: LiveServer) -> None:
    address, codes = open_polling_session(guarded), []
    polls = [
        threading.Thread(target=lambda: codes.append(requests.get(address, timeout=20).status_code)) for _ in range(5)
    ]
    for poll in polls:
        poll.start()
    for poll in polls:
        poll.join()
    assert codes == [400, 400, 400, 400, 200]


def test_a_session_can_upgrade_once_and_only_in_time(guarded: LiveServer) -> None:
    address = open_polling_session(guarded)
    assert requests.post(address, JOIN, timeout=10).ok
    assert "40/training," in requests.get(address, timeout=10).text
    query = address.partition("?")[2].replace("polling", "websocket")
    with Stranger(guarded, query) as slow, Stranger(guarded, query) as second:
        assert (slow.status, second.status) == (101, 400)
        slow.send_packet("2probe")
        slow.receive_until(b"3probe")
        assert slow.is_closed(9)
    assert requests.get(address, timeout=10).ok, "polling must continue after a failed upgrade"
    with Stranger(guarded, query) as hasty:
        hasty.send_packet('42/training,0["subscribe"]')
        assert hasty.is_closed(5)
    with Stranger(guarded, query) as upgraded:
        upgraded.send_packet("2probe")
        upgraded.receive_until(b"3probe")
        upgraded.send_packet("5")
        upgraded.send_packet('42/training,0["subscribe"]')
        upgraded.receive_until(b"43/training,0[")
        assert requests.get(address, timeout=10).status_code == 400
        with Stranger(guarded, query) as another:
            assert another.status == 400


def test_polling_sessions_leave_no_thread_behind(guarded: LiveServer) -> None:
    before = threads_of(guarded)
    for _ in range(200):
        assert requests.get(guarded.url + POLLING, timeout=10).ok
    assert threads_of(guarded) - before < 60
