"""Sockets cost little, even if their clients do not read, and are limited in number."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, closing

import psutil
import pytest
import requests
import socketio

from tests.app.written import write_run
from tests.live.files import assert_equals_files, wait_until_it_has_all
from tests.live.follower_client import FollowerClient
from tests.live.following import connected, following
from tests.servers import LiveServer
from tests.waiting import wait_until

MEGABYTE = 10**6


@pytest.mark.slow
def test_a_client_that_stops_reading_slows_no_other_and_catches_up(own_server: LiveServer) -> None:
    assert own_server.process is not None
    config = own_server.write_command(
        "m", "write_metrics.py", "{run_dir}", "--rows", "400", "--pause", "0.01", "--line", "x" * 90_000
    )
    service = psutil.Process(own_server.process.pid)
    processes = [service, *service.children()]
    slow = FollowerClient(own_server.url, receive_buffer=4096)
    try:
        with following(own_server) as other:
            with slow.frozen():
                before = sum(process.memory_info().rss for process in processes)
                run_id = own_server.start_run(config)
                wait_until_it_has_all(other, own_server)
                assert_equals_files(other, own_server)
                grown = sum(process.memory_info().rss for process in processes) - before
                assert (own_server.runs_dir / run_id / "train.log").stat().st_size > 30 * MEGABYTE
                assert grown < 64 * MEGABYTE
                start_time = time.monotonic()
                assert own_server.get("/training/status").ok
                assert time.monotonic() - start_time < 2
            wait_until_it_has_all(slow, own_server)
            assert_equals_files(slow, own_server)
    finally:
        slow.close()


def test_a_client_that_never_reads_its_acknowledgements_costs_little(own_server: LiveServer) -> None:
    assert own_server.process is not None
    run = write_run(own_server.runs_dir, "2020-01-01_00-00-00", log="x 🙂\n".encode() * 700_000)
    service = psutil.Process(own_server.process.pid)
    processes = [service, *service.children()]
    before = sum(process.memory_info().rss for process in processes)
    buffer = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)]
    with closing(connected(own_server, sockopt=buffer)) as connection, following(own_server, run.name) as other:
        for number in range(200):
            connection.send(f'42/training,{number}["subscribe",{{"run_id":"{run.name}","log_offset":0}}]')
        wait_until(lambda: other.log_offset == 4_900_000, 60, lambda: other.log_offset)
        assert sum(process.memory_info().rss for process in processes) - before < 80 * MEGABYTE
        num_acks = 0
        while num_acks < 200:
            num_acks += str(connection.recv()).startswith("43/training,")
        while '["log",{' not in str(connection.recv())[:30]:
            pass  # After it has read everything, the server announces more of the log.


def test_the_server_raises_the_limit_of_open_files_for_its_sockets(stopped_server: LiveServer) -> None:
    server = stopped_server
    for limits, allowed, is_warned in (("-Sn 256", 3000, False), ("-n 512", 512, True)):
        server.wrapper = ["sh", "-c", f'ulimit {limits}; exec "$@"', "sh"]
        server.start()
        assert server.process is not None
        process = psutil.Process(server.process.pid)
        serving = [process, *process.children()]  # Under gunicorn, the worker is a child process.
        assert {each.rlimit(psutil.RLIMIT_NOFILE)[0] for each in serving} == {allowed}
        assert ("Only 512 files may be open" in server.log_path.read_text()) == is_warned
        server.kill()


def test_sockets_beyond_the_limit_are_refused_and_rest_still_answers(stopped_server: LiveServer) -> None:
    server = stopped_server
    server.settings["TRAINING_MAX_SOCKETS"] = "3"
    server.start()
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(following(server))
        for method in ("GET", "POST"):  # The page asks with POST why it gets no socket.
            answer = requests.request(method, f"{server.url}/socket.io/?EIO=4&transport=polling", timeout=10)
            assert (answer.status_code, answer.json()["code"]) == (503, 503)
            assert "TRAINING_MAX_SOCKETS" in answer.json()["message"]
        refused = socketio.Client(reconnection=False)
        with pytest.raises(socketio.exceptions.ConnectionError):
            refused.connect(server.url, namespaces=["/training"], transports=["websocket"])
        for _ in range(50):
            assert server.get("/training/status").ok
    wait_until(lambda: requests.get(f"{server.url}/socket.io/?EIO=4&transport=polling", timeout=10).ok, 10)
    with following(server) as client:
        wait_until(lambda: client.is_synchronised, 10)


def test_stopping_the_server_takes_seconds_even_with_open_sockets(own_server: LiveServer) -> None:
    config = own_server.write_command("m", "write_metrics.py", "{run_dir}", "--rows", "100000", "--pause", "0.01")
    with ExitStack() as stack:
        clients = [stack.enter_context(following(own_server)) for _ in range(5)]
        run_id = own_server.start_run(config)
        wait_until(lambda: all(client.rows for client in clients), 20)
        with clients[0].frozen():
            assert own_server.stop() < 8
        own_server.start()
        assert own_server.run(run_id)["state"] == "running"
