"""REST serves clients with the token while clients without it attack, on both servers."""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import psutil
import pytest
import requests

from tests.app.answers import check_shape
from tests.app.wire import connected, read_answer
from tests.app.written import write_run
from tests.programs.attack import ATTACKS
from tests.servers import KINDS, ROOT, LiveServer
from tests.waiting import wait_until

TOKEN = {"Authorization": "Bearer secret"}
STATUS = b"GET /training/status HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer secret\r\n"


def start(server: LiveServer, max_files: int | None = None) -> LiveServer:
    server.settings["TRAINING_API_TOKEN"] = "secret"
    if max_files is not None:
        server.wrapper = ["sh", "-c", f'ulimit -n {max_files}; exec "$@"', "sh"]
    return server.start()


def serving(server: LiveServer) -> psutil.Process:
    """Return the process that accepts connections."""
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    return process.children()[0] if server.kind == "gunicorn" else process


@contextmanager
def attacked(server: LiveServer, **connections: int) -> Iterator[None]:
    """Attack the server from another process with that many connections of each kind."""
    wanted = [f"{kind}={number}" for kind, number in connections.items()]
    argv = [sys.executable, str(ROOT / "tests" / "programs" / "attack.py"), str(server.port), *wanted]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as attackers:
        assert attackers.stdout is not None
        try:
            assert attackers.stdout.readline() == b"all\n"
            yield
        finally:
            attackers.kill()


def request_status(server: LiveServer, session: requests.Session | None, number: int) -> None:
    """Request the status `number` times and print the latencies. Without a session, open a connection for each."""
    times_ms = []
    for _ in range(number):
        start_time = time.monotonic()
        answer = (session or requests).get(f"{server.url}/training/status", headers=TOKEN, timeout=60)
        times_ms.append((time.monotonic() - start_time) * 1000)
        assert answer.status_code == 200, answer.text
    times_ms.sort()
    print(f"{server.kind}: p50 {statistics.median(times_ms):.0f} ms, p99 {times_ms[int(number * 0.99)]:.0f} ms")


def use(server: LiveServer) -> None:
    """Request the status and run a training with the token."""
    request_status(server, None, 20)
    with requests.Session() as session:
        request_status(server, session, 20)
    config = server.write_command("e", "end_at_once.py")
    answer = server.post("/training/start", {"config_name": config}, headers=TOKEN)
    assert answer.status_code == 200, answer.text
    run = f"/training/runs/{answer.json()['run_id']}"
    wait_until(lambda: server.get(run, headers=TOKEN).json()["state"] == "completed", 30)


def test_all_attacks_at_once_with_few_descriptors(stopped_server: LiveServer) -> None:
    server = start(stopped_server, max_files=300)
    with attacked(server, **dict.fromkeys(ATTACKS, 20)):
        use(server)
    log = server.log_path.read_text()
    assert len(log.splitlines()) < 50, log
    assert str(ROOT) not in log
    wait_until(lambda: serving(server).num_fds() < 60, 60)


def test_more_connections_than_threads(stopped_server: LiveServer) -> None:
    server = start(stopped_server)
    kinds = ("silent", "half_heads", "half_bodies", "dripped_heads", "long_polls", "unjoined")
    with attacked(server, **dict.fromkeys(kinds, 220)):
        use(server)


def test_clients_that_never_read_what_they_download(stopped_server: LiveServer) -> None:
    """These clients have the token: they are broken, not hostile."""
    server = start(stopped_server)
    run = write_run(server.runs_dir, "2020-01-01_00-00-00")
    with open(run / "checkpoints.zip", "wb") as file:
        file.truncate(5_000_000)
    request = f"GET /training/runs/{run.name}/artifacts/checkpoints.zip HTTP/1.1\r\nHost: a\r\n"
    with ExitStack() as stack:
        for _ in range(150):
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", server.port))
            sock.sendall(f"{request}Authorization: Bearer secret\r\n\r\n".encode())
        use(server)
        answer = server.get(f"/training/runs/{run.name}/artifacts/checkpoints.zip", headers=TOKEN)
        assert len(answer.content) == 5_000_000


def test_running_out_of_descriptors(stopped_server: LiveServer) -> None:
    """The server logs it once and closes connections that wait for their client, to make room for others and files."""
    server = start(stopped_server)
    process = serving(server)
    soft, hard = process.rlimit(psutil.RLIMIT_NOFILE)
    with ExitStack() as stack:
        process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + 40, hard))
        for _ in range(100):
            stack.enter_context(connected(server))
        wait_until(lambda: "connection: Too many open files" in server.log_path.read_text(), 20)
        wait_until(lambda: server.get("/training/status", headers=TOKEN).ok, 20)
        use(server)
        busy_s, start_time = sum(process.cpu_times()[:2]), time.monotonic()
        wait_until(lambda: time.monotonic() - start_time > 1, 3)
        assert sum(process.cpu_times()[:2]) - busy_s < 0.5
    process.rlimit(psutil.RLIMIT_NOFILE, (soft, hard))
    use(server)
    assert server.log_path.read_text().count("Cannot open another file") == 1


@pytest.mark.parametrize("stopped_server", ["eventlet"], indirect=True)
def test_a_first_start_without_descriptors_spoils_no_later_one(stopped_server: LiveServer) -> None:
    server = start(stopped_server)
    process = serving(server)
    soft, hard = process.rlimit(psutil.RLIMIT_NOFILE)
    config = server.write_command("e", "end_at_once.py")
    for spare in (2, 3, 4):
        process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + spare, hard))
        with suppress(requests.RequestException):
            server.post("/training/start", {"config_name": config}, headers=TOKEN)
    process.rlimit(psutil.RLIMIT_NOFILE, (soft, hard))
    use(server)


@pytest.mark.slow
def test_slow_requests_get_408(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Wait for all timeouts at once. A client that sends slowly gets as much time as one that stops."""
    servers = [start(LiveServer(tmp_path_factory.mktemp(kind), kind)) for kind in KINDS]
    authorised = STATUS.replace(b"GET /training/status", b"POST /training/stop") + b"Content-Type: application/json\r\n"
    half = {
        "half a head": (STATUS, b"", 408),
        "a dripped head": (STATUS + b"X-A: ", b"x", 408),
        "half a body": (authorised + b"Content-Length: 9000\r\n\r\n{", b"", 408),
        "a dripped body": (authorised + b"Content-Length: 9000\r\n\r\n{", b" ", 408),
        "half a long body": (authorised + b"Content-Length: 100000\r\n\r\n{", b"", 408),
        "dripped chunks": (authorised + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", 408),
        "nothing": (b"", b"", None),
        "nothing more": (STATUS + b"\r\n", b"", None),
    }
    try:
        with ExitStack() as stack:
            attempts = []
            for server in servers:
                for name, (sent, drip, code) in half.items():
                    sock = stack.enter_context(connected(server))
                    sock.sendall(sent)
                    if name == "nothing more":
                        assert read_answer(stack.enter_context(sock.makefile("rb"))) is not None
                    attempts.append((server.kind, name, sock, drip, code))
            deadline = time.monotonic() + 45
            received: dict[tuple[str, str], bytes] = {}
            while len(received) < len(attempts) and time.monotonic() < deadline:
                for kind, name, sock, drip, _ in attempts:
                    if (kind, name) not in received:
                        received |= drip_and_receive(sock, drip, (kind, name))
                time.sleep(0.5)  # The clients send one chunk every 0.5 s.
            for kind, name, _, _, code in attempts:
                assert (kind, name) in received
                answer = received[kind, name]
                if code is None:
                    assert answer == b"", (kind, name)
                else:
                    head, _, body = answer.partition(b"\r\n\r\n")
                    assert head.startswith(b"HTTP/1.1 408 "), (kind, name, answer)
                    check_shape(json.loads(body), 408)
    finally:
        for server in servers:
            server.kill()


def drip_and_receive(sock: socket.socket, drip: bytes, key: tuple[str, str]) -> dict[tuple[str, str], bytes]:
    """Return the server's last response under `key` once it has closed the connection, else send the next chunk."""
    sock.settimeout(0)
    try:
        return {key: sock.recv(65536)}
    except BlockingIOError:
        sock.sendall(drip)
        return {}
    except OSError:
        return {key: b""}
