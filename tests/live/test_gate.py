"""The server refuses invalid clients at once, at little cost, with one line in the log."""

from __future__ import annotations

import base64
import os
import zlib
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import requests
import socketio

from tests.live.following import following
from tests.live.stranger import BINARY, PING, TEXT, Stranger, frame
from tests.servers import LiveServer, disconnect
from tests.waiting import wait_until

MEGABYTE = 10**6
POLLING = "/socket.io/?EIO=4&transport=polling"


def memory_of(server: LiveServer) -> int:
    return sum(process.memory_info().rss for process in server.processes())


def num_sockets(server: LiveServer) -> int:
    """Return how many descriptors of the server are sockets. It opens files whenever it needs them."""
    descriptors = [each for process in server.processes() for each in Path(f"/proc/{process.pid}/fd").iterdir()]
    targets = []
    for descriptor in descriptors:
        with suppress(FileNotFoundError):  # The server has closed it since.
            targets.append(os.readlink(descriptor))
    return sum(target.startswith("socket:") for target in targets)


ENDLESS = {
    "one frame": [frame(b"4" * 1000, length=2**40), b"4" * 65536],
    "one frame with the right length": [frame(b"4" * 30_000)],
    "fragments": [frame(b"4" * 1000, first_bits=0), frame(b"4" * 1000, 0, first_bits=0) * 64],
    "one-byte fragments": [frame(b"4", first_bits=0), frame(b"4", 0, first_bits=0) * 1000],
    "empty fragments": [frame(b"4", first_bits=0), frame(b"", 0, first_bits=0) * 5000],
    "empty messages": [frame(b"") * 5000],
    "pings": [frame(b"x" * 125, PING) * 500],
    "long pings": [frame(b"x" * 20_000, PING)],
    "pongs": [frame(b"3") * 5000],
    "four-byte characters": [frame(b"4", first_bits=0), frame("🙂".encode() * 4000, 0, first_bits=0)],
}


def test_endless_messages_cost_little_and_delay_no_other_client(server: LiveServer) -> None:
    with following(server) as other, ExitStack() as stack:
        strangers = {kind: stack.enter_context(Stranger(server)) for kind in ENDLESS}
        before, sockets = memory_of(server), num_sockets(server)
        for kind, stranger in strangers.items():
            stranger.send(ENDLESS[kind][0])
            stranger.send_until_refused(ENDLESS[kind][-1], 4 * MEGABYTE)
        num_systems = other.num_systems
        wait_until(lambda: other.num_systems > num_systems + 1, 10)
        for kind, stranger in strangers.items():
            wait_until(lambda stranger=stranger: stranger.is_closed(0.1), 15, lambda kind=kind: kind)
        assert memory_of(server) - before < 16 * MEGABYTE
        # The server drops their unread data and closes the sockets.
        wait_until(lambda: num_sockets(server) <= sockets - len(strangers), 5)


def test_the_server_never_accepts_compression(server: LiveServer) -> None:
    before = memory_of(server)
    for offer in ("permessage-deflate", "permessage-deflate; client_max_window_bits", "x-webkit-deflate-frame"):
        with Stranger(server, headers={"Sec-WebSocket-Extensions": offer}) as stranger:
            assert stranger.status == 101
            assert b"extensions" not in stranger.received.lower()
            deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
            packed = deflate.compress(b"4" * 50 * MEGABYTE) + deflate.flush(zlib.Z_SYNC_FLUSH)
            stranger.send(frame(packed[:60_000], first_bits=0xC0))
            assert stranger.is_closed(5)
    assert memory_of(server) - before < 6 * MEGABYTE


MALFORMED = (
    '451000000000-/training,["subscribe",{"_placeholder":true,"num":0}]',
    '451-/training,["subscribe",{"_placeholder":true,"num":0}]',
    "461-/training,1[{}]",
    '45/training,["subscribe"]',
    '425-/training,["subscribe"]',
    '42/training,["connect",{"token":"x"}]',
    '42/training,["disconnect"]',
    '42/training,{"subscribe":1}',
    "42/training,[]",
    "42/training,[7]",
    '42["subscribe"]',
    '42/other,["subscribe"]',
    "42/training,[" + "[" * 15_000,
    '40/training,{"token":' + "[" * 15_000,
    '42/training,1234567890123456["subscribe"]',
    '42/training,²["subscribe"]',
    '42/training,["subscribe",' + "9" * 5000 + "]",
    '42/training,["subscribe"',
    "43/training,1[]",
    "44/training,{}",
    "47",
    "4",
    "4²",
    '4["subscribe"]',
    "40/" + "x" * 500 + ",",
    '40/training,["token"]',
    "0{}",
    "2",
    "2probe",
    "5",
    "6",
    "7",
    "²",
    "x",
    "d=42",
    "bQUJD",
    "\ud800".encode("utf-8", "surrogatepass"),
    b"\xff\xfe",
)


@pytest.mark.parametrize("is_joined", [False, True])
def test_an_invalid_packet_closes_the_connection(server: LiveServer, is_joined: bool) -> None:
    for packet in MALFORMED:
        with Stranger(server) as stranger:
            if is_joined:
                stranger.send_packet("40/training,")
                stranger.receive_until(b'40/training,{"sid"')
            stranger.send(frame(packet if isinstance(packet, bytes) else packet.encode()))
            assert stranger.is_closed(5), packet
    for bad in (
        frame(b"3", BINARY),
        frame(b"3", TEXT, first_bits=0xA0),
        frame(b"3", 3),
        frame(b"3", 0),
        frame(b"3" * 126, PING),
        frame(b"3", PING, first_bits=0),
        frame(b"4", first_bits=0) + frame(b"4"),
        frame(b"3", length=2**63),
        b"\x81\x013",  # not masked
        frame(b"\x03", 8),
        b"GET / HTTP/1.1\r\n\r\n",
    ):
        with Stranger(server) as stranger:
            stranger.send(bad)
            assert stranger.is_closed(5), bad
    lines = server.log_path.read_text().splitlines()
    assert 1 <= sum("127.0.0.1" in line and "connection is closed" in line for line in lines) < 5


def open_polling_session(server: LiveServer) -> str:
    """Open a polling session and return its URL."""
    text = requests.get(server.url + POLLING, timeout=10).text
    return f"{server.url}{POLLING}&sid={text.split('sid')[1][3:].split(chr(34))[0]}"


def test_a_post_must_be_short_and_hold_valid_packets(server: LiveServer) -> None:
    address = open_polling_session(server)
    assert requests.post(address, b"4" * 20_001, timeout=10).status_code == 413
    assert requests.post(address, iter([b"40/training,"]), timeout=10).status_code == 411
    assert requests.post(address, b"40/training,", timeout=10).ok
    for body in (
        *(packet for packet in MALFORMED if isinstance(packet, str) and "\ud800" not in packet),
        "b" + base64.b64encode(b"x" * 9000).decode(),
        "3\x1e" * 17,
        "",
        "\x1e",
        "3\x1e",
        b"\xff",
    ):
        address = open_polling_session(server)
        answer = requests.post(address, body if isinstance(body, bytes) else body.encode(), timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (400, 400), body
        assert requests.get(address, timeout=10).status_code == 400, "the server must close the session"


REFUSED = (
    ("EIO=4&transport=polling&j=0", 400),
    ("EIO=4&transport=polling&j=", 400),
    ("EIO=4&transport=polling&xsid=1&sid=", 400),
    ("EIO=4&transport=polling&sid=a&sid=b", 400),
    ("EIO=4&transport=polling&sid=unknown%0aINFO", 400),
    ("EIO=3&transport=polling", 400),
    ("EIO=4&EIO=3&transport=polling", 400),
    ("EIO=%D9%A4&transport=polling", 400),
    ("EIO=4", 400),
    ("transport=polling", 400),
    ("", 400),
    ("EIO=4&transport=", 400),
    ("EIO=4&transport=polling&transport=websocket", 400),
    ("EIO=4&transport=webtransport", 400),
    ("EIO=4&transport=websocket", 400),
    ("EIO=4&transport=polling" + "&x=1" * 100, 400),
)


def test_invalid_handshakes_are_refused(server: LiveServer) -> None:
    for query, code in REFUSED:
        answer = requests.get(f"{server.url}/socket.io/?{query}", timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (code, code), query
    for method in ("PUT", "DELETE", "HEAD", "PATCH", "TRACE"):
        assert requests.request(method, server.url + POLLING, timeout=10).status_code == 405, method
    assert requests.post(server.url + POLLING, b"40/training,", timeout=10).status_code == 400
    for headers, code in (
        ({"Sec-WebSocket-Version": "12"}, 426),
        ({"Sec-WebSocket-Key": "short"}, 400),
        ({"Sec-WebSocket-Key": "ä" * 24}, 400),
        ({"Connection": "close"}, 400),
        ({"Upgrade": "h2c"}, 400),
    ):
        with Stranger(server, headers=headers) as stranger:
            assert stranger.status == code, headers


def test_a_parameter_that_resembles_sid_does_not_bypass_the_limit(stopped_server: LiveServer) -> None:
    stopped_server.settings["TRAINING_MAX_SOCKETS"] = "1"
    server = stopped_server.start()
    with following(server):
        for more in ("", "&xsid=1", "&t=sid=1", "&sid"):
            assert server.get(POLLING + more).status_code in (400, 503)


def test_pages_of_other_sites_cannot_open_a_session(server: LiveServer) -> None:
    for headers, code in (
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "image"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": server.url, "Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 200),
    ):
        assert requests.get(server.url + POLLING, headers=headers, timeout=10).status_code == code, headers
        with Stranger(server, headers=headers) as stranger:
            assert stranger.status == (101 if code == 200 else code), headers


def test_unknown_namespaces_are_refused(server: LiveServer) -> None:
    for packet, refusal in (
        ("40", "44{"),
        ("40{}", "44{"),
        ("40/other,", "44/other,{"),
        ("40/trainings", "44/trainings,{"),
        ("40/training?x=1,", "44/training?x=1,{"),
    ):
        with Stranger(server) as stranger:
            stranger.send_packet(packet)
            stranger.receive_until(f'{refusal}"message": "The only namespace is /training'.encode())
    client = socketio.Client(reconnection=False)
    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(server.url)
    disconnect(client)
