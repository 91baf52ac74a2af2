"""Who may stay: strangers have few places and little time, and take none from those with the token."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import psutil
import pytest
import requests
import socketio

from tests.live.stranger import Stranger
from tests.live.test_gate import POLLING, TOKEN, begin, guarded, with_token
from tests.servers import LiveServer, disconnect
from tests.waiting import wait_until

__all__ = ["guarded"]


def test_silent_strangers_keep_nobody_out_and_are_gone_after_5_s(guarded: LiveServer) -> None:
    guarded_threads = threads_of(guarded)
    with ExitStack() as stack:
        strangers = [
            stack.enter_context(Stranger(guarded, source=f"127.0.0.{2 + number % 5}")) for number in range(300)
        ]
        began = time.monotonic()
        for transport in ("websocket", "polling"):
            disconnect(with_token(guarded, transports=[transport]))
        assert guarded.get("/ping").ok
        num_open = sum(not stranger.is_closed() for stranger in strangers)
        assert num_open <= 128
        assert threads_of(guarded) - guarded_threads < 2 * 128 + 60
        wait_until(lambda: all(stranger.is_closed() for stranger in strangers), 10)
        assert time.monotonic() - began > 3, "each has its 5 s"


def threads_of(server: LiveServer) -> int:
    assert server.process is not None
    service = psutil.Process(server.process.pid)
    return sum(process.num_threads() for process in (service, *service.children()))


def test_a_stranger_takes_the_place_of_its_own_address_first(guarded: LiveServer) -> None:
    with ExitStack() as stack:
        quiet = stack.enter_context(Stranger(guarded, source="127.0.0.9"))
        loud = [stack.enter_context(Stranger(guarded, source="127.0.0.8")) for _ in range(100)]
        wait_until(lambda: sum(not stranger.is_closed() for stranger in loud) == 64, 3)
        assert all(stranger.is_closed() for stranger in loud[:36])
        assert not quiet.is_closed()
        quiet.say(f'40/training,{{"token":"{TOKEN}"}}')
        quiet.hear(b'40/training,{"sid"')
        wait_until(lambda: all(stranger.is_closed() for stranger in loud), 10)
        assert not quiet.is_closed()


def test_strangers_over_polling_are_gone_after_5_s_too(guarded: LiveServer) -> None:
    began = time.monotonic()
    address = begin(guarded)
    assert requests.get(address, timeout=20).text == "", "the poll ends with the session"
    assert 4 < time.monotonic() - began < 8
    assert requests.get(address, timeout=20).status_code == 400


def test_a_wrong_token_joins_nothing(guarded: LiveServer) -> None:
    with Stranger(guarded) as stranger:
        for auth in ("", '{"token":"wrong"}', '{"token":["x"]}', '{"token":null}', "{}"):
            stranger.say(f"40/training,{auth}")
            stranger.hear(b"44/training,")
            stranger.received = b""
        stranger.say('42/training,1["subscribe",{}]')
        assert stranger.is_closed(8)
        assert b"43/training" not in stranger.received


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]])
def test_the_token_comes_in_auth_or_as_a_header(guarded: LiveServer, transports: list[str]) -> None:
    for options in ({"auth": {"token": TOKEN}}, {"headers": {"Authorization": f"Bearer {TOKEN}"}}):
        client = socketio.Client(reconnection=False)
        client.connect(guarded.url, namespaces=["/training"], transports=transports, wait_timeout=10, **options)
        assert client.transport() == transports[-1]
        assert client.call("subscribe", {}, namespace="/training", timeout=10)["rows"] == []
        disconnect(client)
    refused = socketio.Client(reconnection=False)
    with pytest.raises(socketio.exceptions.ConnectionError):
        refused.connect(guarded.url, namespaces=["/training"], headers={"Authorization": "Bearer wrong"})
    disconnect(refused)


def test_a_client_that_joined_stays(guarded: LiveServer) -> None:
    systems = []
    client = with_token(guarded, transports=["polling"])
    client.on("system", lambda payload: systems.append(payload), namespace="/training")
    wait_until(lambda: len(systems) > 7, 15)
    disconnect(client)


def test_who_leaves_the_namespace_has_to_join_again(guarded: LiveServer) -> None:
    with Stranger(guarded) as stranger:
        for _ in range(2):
            stranger.received = b""
            stranger.say(f'40/training,{{"token":"{TOKEN}"}}')
            stranger.hear(b'40/training,{"sid"')
            stranger.say("41/training,")
        assert stranger.is_closed(8)


def test_a_session_is_polled_once_at_a_time(server: LiveServer) -> None:
    address = begin(server)
    codes: list[int] = []
    polls = [
        threading.Thread(target=lambda: codes.append(requests.get(address, timeout=20).status_code)) for _ in range(5)
    ]
    for poll in polls:
        poll.start()
    for poll in polls:
        poll.join()
    assert codes == [400, 400, 400, 400, 200]


def test_a_session_is_upgraded_once_and_in_time(server: LiveServer) -> None:
    address = begin(server)
    assert requests.post(address, "40/training,", timeout=10).ok
    assert "40/training," in requests.get(address, timeout=10).text
    query = address.partition("?")[2].replace("polling", "websocket")
    with Stranger(server, query) as slow, Stranger(server, query) as second:
        assert (slow.status, second.status) == (101, 400)
        slow.say("2probe")
        slow.hear(b"3probe")
        assert slow.is_closed(9)
    assert requests.get(address, timeout=10).ok, "polling goes on"
    with Stranger(server, query) as hasty:
        assert hasty.status == 101, hasty.received
        hasty.say('42/training,0["subscribe"]')
        assert hasty.is_closed(5)
    with Stranger(server, query) as upgraded:
        upgraded.say("2probe")
        upgraded.hear(b"3probe")
        upgraded.say("5")
        upgraded.say('42/training,0["subscribe"]')
        upgraded.hear(b"43/training,0[")
        assert requests.get(address, timeout=10).status_code == 400
        with Stranger(server, query) as another:
            assert another.status == 400


def test_polling_sessions_leave_no_thread_behind(guarded: LiveServer) -> None:
    before = threads_of(guarded)
    for _ in range(300):
        assert requests.get(guarded.url + POLLING, timeout=10).ok
    assert threads_of(guarded) - before < 60
