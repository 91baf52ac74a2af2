"""HTTP on the wire: chunked bodies, malformed requests, and answers that come before the end of a body."""

from __future__ import annotations

import json

import pytest

from tests.app.answers import check_shape, problem
from tests.app.wire import connected, exchange, post, read_answer
from tests.servers import LiveServer

CHUNKED = "Transfer-Encoding: chunked\r\n"
CLOSE = "Connection: close\r\n"
STOP = b'{"run_id": "another"}'
"""The service must never treat this as an empty body, which stops whichever run is active."""


def chunks(*parts: bytes, extension: bytes = b"", end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts) + end


READABLE = {
    "in one chunk": chunks(STOP),
    "in many": chunks(*(STOP[i : i + 1] for i in range(len(STOP)))),
    "with extensions": chunks(STOP, extension=b';name=value;other="quoted; text"'),
    "with trailers": chunks(STOP, end=b"0\r\nX-Checksum: 1\r\nX-Other: 2\r\n\r\n"),
    "with a size in capitals and leading zeros": b"00015\r\n" + STOP + b"\r\n0\r\n\r\n",
}


@pytest.fixture(scope="module")
def module_server(shared_server: LiveServer) -> LiveServer:
    """Run the tests on both servers, because each reads requests with its own code."""
    return shared_server


@pytest.mark.parametrize("body", READABLE.values(), ids=READABLE)
def test_a_chunked_body_is_read(shared: LiveServer, body: bytes) -> None:
    active = shared.start_run(shared.write_command("waits", "wait_for_file.py", "/nonexistent", "--on-term", "143"))
    request = post("/training/stop", CHUNKED + CLOSE, body)
    [(code, reply)] = exchange(shared, request)
    assert code == 409, reply
    assert "another" in reply["message"]
    [(code, reply)] = exchange(shared, *(request[i : i + 40] for i in range(0, len(request), 40)))
    assert code == 409
    assert shared.run(active)["state"] in ("starting", "running")


MALFORMED = {
    "a size that is not a number": b"xyz\r\n" + STOP + b"\r\n0\r\n\r\n",
    "a negative size": b"-15\r\n" + STOP + b"\r\n0\r\n\r\n",
    "a size as Python writes it": b"0x15\r\n" + STOP + b"\r\n0\r\n\r\n",
    "a size with an underscore": b"1_5\r\n" + STOP + b"\r\n0\r\n\r\n",
    "no size": b"\r\n" + STOP + b"\r\n0\r\n\r\n",
    "a chunk longer than its size": b"5\r\n" + STOP + b"\r\n0\r\n\r\n",
    "lines that end without a carriage return": b"15\n" + STOP + b"\n0\n\n",
    "an extension with a line break": b"15;a=\rb\r\n" + STOP + b"\r\n0\r\n\r\n",
    "an endless size line": b"15;" + b"a" * 20_000,
    "no last chunk": chunks(STOP, end=b""),
    "half a chunk": b"15\r\n{",
    "unfinished trailers": chunks(STOP, end=b"0\r\nX-Checksum: 1\r\n"),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_chunked_body_is_a_400(shared: LiveServer, body: bytes) -> None:
    for path in ("/training/stop", "/training/start"):
        [(code, reply)] = exchange(shared, post(path, CHUNKED, body), is_ended=True)
        assert code == 400, reply
        check_shape(reply, 400)


@pytest.mark.parametrize("size", [b"110000", b"fffffffffffffff", b"f" * 1000])
def test_a_chunked_body_has_the_same_limit_as_any_other(shared: LiveServer, size: bytes) -> None:
    [(code, reply)] = exchange(shared, post("/training/stop", CHUNKED, size + b"\r\n" + b" " * 1_060_000))
    assert code == 413
    assert "131,072" in check_shape(reply, 413)["message"]


def test_a_body_may_reach_the_limit(shared: LiveServer) -> None:
    body = b'{"mode": 7}'.ljust(131_072)
    for framing, sent in ((CHUNKED + CLOSE, chunks(body)), (f"Content-Length: {len(body)}\r\n{CLOSE}", body)):
        [(code, _)] = exchange(shared, post("/training/stop", framing, sent))
        assert code == 422


@pytest.mark.parametrize("framing", [CHUNKED, "Content-Length: 300000000\r\n"])
@pytest.mark.parametrize("path", ["/training/stop", "/training/status", "/nothing"])
def test_a_client_that_sends_a_long_body_can_read_an_answer_that_comes_before_its_end(
    shared: LiveServer, path: str, framing: str
) -> None:
    chunk = b"%x\r\n" % 2**20 + b" " * 2**20 + b"\r\n" if framing == CHUNKED else b" " * 2**20
    with connected(shared) as sock, sock.makefile("rb") as stream:
        sock.sendall(post(path, framing))
        for _ in range(8):
            sock.sendall(chunk)
        answer = read_answer(stream)
        assert answer is not None
        check_shape(answer[1], {"/training/stop": 413, "/training/status": 405, "/nothing": 404}[path])
        assert read_answer(stream) is None


REFUSED = {
    "a length and chunks": (post("/training/stop", CHUNKED + "Content-Length: 21\r\n", chunks(STOP)), 400),
    "chunks and a length": (post("/training/stop", "Content-Length: 21\r\n" + CHUNKED, chunks(STOP)), 400),
    "two lengths": (post("/training/stop", "Content-Length: 21\r\nContent-Length: 2\r\n", STOP), 400),
    "the same length twice": (post("/training/stop", "Content-Length: 21\r\nContent-Length: 21\r\n", STOP), 400),
    "a list of lengths": (post("/training/stop", "Content-Length: 21, 21\r\n", STOP), 400),
    "a negative length": (post("/training/stop", "Content-Length: -1\r\n", STOP), 400),
    "a length with a sign": (post("/training/stop", "Content-Length: +21\r\n", STOP), 400),
    "chunked twice": (post("/training/stop", "Transfer-Encoding: chunked, chunked\r\n", chunks(STOP)), 400),
    "chunked not last": (post("/training/stop", "Transfer-Encoding: chunked, gzip\r\n", chunks(STOP)), 400),
    "gzip alone": (post("/training/stop", "Transfer-Encoding: gzip\r\n", STOP), 400),
    "gzip, chunked": (post("/training/stop", "Transfer-Encoding: gzip, chunked\r\n", chunks(b"\x1f\x8b\x08")), 400),
    "an unknown coding": (post("/training/stop", "Transfer-Encoding: zebra\r\n", STOP), 501),
    "chunks in HTTP/1.0": (post("/training/stop", CHUNKED, chunks(STOP), version="1.0"), 400),
    "an unknown expectation": (post("/training/stop", "Expect: wonders\r\n"), 417),
    "a folded header": (b"GET /ping HTTP/1.1\r\nHost: localhost\r\nX-A: 1\r\n 2\r\n\r\n", 400),
    "a header without a colon": (b"GET /ping HTTP/1.1\r\nHost: localhost\r\nhello\r\n\r\n", 400),
    "a space before the colon": (b"GET /ping HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
    "lines without a carriage return": (b"GET /ping HTTP/1.1\nHost: localhost\n\n" + b"\r\n\r\n", 400),
    "a NUL in a header": (b"GET /ping HTTP/1.1\r\nHost: localhost\r\nX-A: \0\r\n\r\n", 400),
    "no version": (b"GET /ping\r\n\r\n", 400),
    "no request line": (b"hello\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "a lower-case method": (b"get /ping HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "an unknown version": (b"GET /ping HTTP/3.0\r\nHost: localhost\r\n\r\n", 505),
    "an invalid version": (b"GET /ping HTTP/x\r\nHost: localhost\r\n\r\n", 505),
    "a long address": (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
    "an endless address": (b"GET /" + b"x" * 200_000, 414),
    "a long header": (b"GET /ping HTTP/1.1\r\nX-A: " + b"x" * 9000 + b"\r\n\r\n", 431),
    "many headers": (b"GET /ping HTTP/1.1\r\n" + b"X-A: 1\r\n" * 200 + b"\r\n", 431),
    "endless headers": (b"GET /ping HTTP/1.1\r\n" + b"X-A: " + b"x" * 2_000_000, 431),
}


@pytest.mark.parametrize(("request_", "code"), REFUSED.values(), ids=REFUSED)
def test_invalid_http_is_refused_in_the_one_shape(shared: LiveServer, request_: bytes, code: int) -> None:
    [(actual_code, reply)] = exchange(shared, request_, is_ended=True)
    assert actual_code == code, reply
    check_shape(reply, code)


def test_nothing_is_read_after_a_malformed_request(shared: LiveServer) -> None:
    for first in (post("/training/stop", CHUNKED, b"x\r\n"), post("/training/stop", "Content-Length: x\r\n")):
        answers = exchange(shared, first + b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert [code for code, _ in answers] == [400]


def test_requests_sent_together_are_answered_in_order(shared: LiveServer) -> None:
    together = (
        b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
        + post("/training/stop", CHUNKED, chunks(b'{"mode": ', b"7}", end=b"0\r\nX-A: 1\r\n\r\n"))
        + post("/training/check", "Content-Length: 2\r\n", b"[]")
        + post("/nothing", CHUNKED, chunks(b"unread"))
        + b"HEAD /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    with connected(shared) as sock, sock.makefile("rb") as stream:
        sock.sendall(together)
        replies = [read_answer(stream) for _ in range(4)]
        assert [answer[0] for answer in replies if answer] == [200, 422, 422, 404]
        head = stream.read()
    assert head.startswith(b"HTTP/1.1 200 ")
    assert head.endswith(b"\r\n\r\n")


def test_a_client_that_expects_100_continue_gets_it(shared: LiveServer) -> None:
    for framing, body in ((CHUNKED, chunks(b'{"mode": 7}')), ("Content-Length: 11\r\n", b'{"mode": 7}')):
        with connected(shared) as sock, sock.makefile("rb") as stream:
            sock.sendall(post("/training/stop", framing + "Expect: 100-continue\r\n"))
            assert stream.readline() == b"HTTP/1.1 100 Continue\r\n"
            assert stream.readline() == b"\r\n"
            sock.sendall(body)
            answer = read_answer(stream)
            assert answer is not None
            assert answer[0] == 422


def test_http_1_0_clients_are_answered(shared: LiveServer) -> None:
    [(code, reply)] = exchange(shared, b"GET /ping HTTP/1.0\r\n\r\n")
    assert (code, reply) == (200, {"status": "ok"})
    [(code, reply)] = exchange(shared, post("/training/stop", "Content-Length: 11\r\n", b'{"mode": 7}', version="1.0"))
    assert code == 422
    both = b"GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /ping HTTP/1.0\r\n\r\n"
    assert [code for code, _ in exchange(shared, both)] == [200, 200]


def test_a_body_that_ends_early_is_a_400(shared: LiveServer) -> None:
    [(code, reply)] = exchange(shared, post("/training/stop", "Content-Length: 50\r\n", b"{"), is_ended=True)
    assert code == 400
    assert "ended early" in check_shape(reply, 400)["message"]


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "TRACE", "FOO", "CONNECT"])
def test_unusual_methods_are_refused_in_the_one_shape(shared: LiveServer, method: str) -> None:
    with connected(shared) as sock, sock.makefile("rb") as stream:
        sock.sendall(f"{method} /training/start HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        head, _, body = stream.read().partition(b"\r\n\r\n")
    code = int(head.split()[1])
    assert code == (200 if method == "OPTIONS" else 405)
    if method not in ("OPTIONS", "HEAD"):
        check_shape(json.loads(body), 405)


def test_a_long_query_is_a_414_that_each_operation_describes(shared: LiveServer) -> None:
    problem(shared.get("/training/metrics/runs?search=" + "x" * 9000), 414)
    document = shared.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        if path != "/ping":
            responses = [operations[method]["responses"] for method in operations if method != "parameters"]
            assert all({"414", "431"} <= set(documented) for documented in responses), path
