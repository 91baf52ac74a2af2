"""Followers over Socket.IO get everything exactly once, despite other clients and failures."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, closing
from typing import Any

import psutil
import pytest
import requests
import socketio
import websocket

from tests.app.written import write_metrics, write_run
from tests.live.files import assert_equals_files, rows_of, wait_until_it_has_all, wait_until_over
from tests.live.follower_client import FollowerClient
from tests.live.following import following
from tests.live.processes import wait_for_log
from tests.servers import WITHOUT_UTF8_CHECK, LiveServer
from tests.waiting import wait_until

MEGABYTE = 10**6


@pytest.mark.slow
def test_30_disconnects_lose_and_duplicate_nothing(server: LiveServer) -> None:
    config = server.write_command(
        "m", "write_metrics.py", "{run_dir}", "--rows", "3000", "--pause", "0.002", "--new-column-every", "150"
    )
    with following(server) as client:
        run_id = server.start_run(config)
        for number in range(1, 31):
            rows_before = len(client.rows)
            wait_until(lambda rows_before=rows_before: len(client.rows) > rows_before, 20)
            client.cut()
            wait_until(lambda number=number: client.num_connects > number, 20)
        assert server.run(run_id)["state"] == "running", "the run must outlast the disconnects"
        wait_until_over(client, 60)
        assert client.num_connects == 31
        assert_equals_files(client, server)


@pytest.mark.slow
def test_500_wider_headers_lose_duplicate_and_tear_nothing(stopped_server: LiveServer) -> None:
    server = stopped_server
    server.settings["TRAINING_POLL_INTERVAL_S"] = "0.01"  # Then many reads happen during a rewrite.
    server.start()
    config = server.write_command(
        "m", "write_metrics.py", "{run_dir}", "--rows", "501", "--new-column-every", "1", "--rows-per-epoch", "100"
    )
    with following(server) as client:
        run_id = server.start_run(config)
        seen = 0
        while client.state not in ("completed", "failed"):
            answer = server.get(f"/training/metrics/runs/{run_id}", params={"columns": "step", "since_row": seen})
            if answer.status_code == 404:
                continue
            assert answer.status_code == 200, answer.text
            steps = [row["step"] for row in answer.json()["data"]]
            assert steps == list(range(seen, seen + len(steps)))
            seen += len(steps)
        wait_until_over(client)
        assert len(rows_of(server.runs_dir / run_id)[-1]) > 300
        assert_equals_files(client, server)
        columns = server.get(f"/training/metrics/runs/{run_id}").json()["available_columns"]
        assert len(columns) == 503


def test_the_final_state_comes_after_the_last_metrics_and_log(server: LiveServer) -> None:
    config = server.write_command("m", "write_metrics.py", "{run_dir}", "--rows", "300")
    with following(server) as client:
        for _ in range(5):
            client.events.clear()
            run_id = server.start_run(config)
            wait_until(lambda run_id=run_id: client.run_id == run_id, 10)
            wait_until_over(client)
            assert client.events[-1][0] == "run"
            assert_equals_files(client, server)


@pytest.mark.slow
def test_50_clients_all_receive_everything(server: LiveServer) -> None:
    config = server.write_command("m", "write_metrics.py", "{run_dir}", "--rows", "300", "--pause", "0.01")
    with ExitStack() as stack:
        clients = [stack.enter_context(following(server)) for _ in range(50)]
        server.start_run(config)
        for client in clients:
            wait_until_over(client, 60)
        for client in clients:
            assert client.events[-1][0] == "run"
            assert_equals_files(client, server)


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


def test_only_a_follower_of_every_run_moves_to_the_next_run(server: LiveServer) -> None:
    go = server.home / "go"
    config = server.write_command("w", "exit_when_told.py", str(go), "0")
    first = server.start_run(config)
    with following(server) as follower, following(server, first) as single:
        wait_until(lambda: follower.state == single.state == "running", 10)
        go.touch()
        wait_until(lambda: follower.state == single.state == "completed", 10)
        second = server.start_run(config)
        wait_until(lambda: follower.run_id == second and follower.state == "completed", 10)
        assert single.run_id == first
        assert follower.log == "ready\nend\n"
        assert single.violations == follower.violations == []


def test_a_late_follower_gets_everything(server: LiveServer) -> None:
    run_id = server.start_run(server.write_command("m", "write_metrics.py", "{run_dir}", "--rows", "200"))
    server.wait_for_state(run_id, "completed")
    for requested_run_id in (None, run_id):
        with following(server, requested_run_id) as client:
            wait_until_over(client)
            assert_equals_files(client, server)


def test_a_long_run_arrives_in_chunks_and_is_read_again_after_a_change(server: LiveServer) -> None:
    header, lines = "epoch,step,a,b,c\n", [f"{i // 1000},{i},{i / 8},,1\n" for i in range(45_000)]
    run_path = write_run(server.runs_dir, "2020-01-01_00-00-00", metrics=header + "".join(lines), log=b"started\n")
    for _ in range(2):
        with following(server, run_path.name) as client:
            wait_until_it_has_all(client, server)
            assert_equals_files(client, server)
            assert 0 < client.num_gaps < 12
        write_metrics(run_path, header + "".join(reversed(lines)) + "45,45000,1,2,nan\n")


def test_the_acknowledgement_holds_the_direction_of_each_metric(server: LiveServer) -> None:
    run = write_run(server.runs_dir, "2020-01-01_00-00-00", metrics="epoch,val/rmse,val/iou,lr\n0,1,2,3\n")
    with server.client() as client:
        answer = client.call("subscribe", {"run_id": run.name}, namespace="/training", timeout=20)
    assert answer["directions"] == {"val/rmse": "lower", "val/iou": "higher"}
    (listed,) = server.get("/training/metrics/runs?best=1").json()
    assert (listed["best_metrics"], listed["directions"]) == ({"val/rmse": 1.0, "val/iou": 2.0}, answer["directions"])
    assert server.get("/training/metrics/runs").json()[0]["directions"] is None


def subscribe(server: LiveServer, request: object) -> dict[str, object]:
    with server.client() as client:
        return dict(client.call("subscribe", request, namespace="/training", timeout=20))


def test_an_invalid_subscription_gets_an_error_in_the_common_shape(server: LiveServer) -> None:
    for request, code in (
        ({"run_id": "2000-01-01_00-00-00"}, 404),
        ({"run_id": "../x"}, 404),
        ({"row": -1}, 422),
        ({"row": "1"}, 422),
        ({"log_offset": -1}, 422),
        ({"unknown": 1}, 422),
        ([1, 2], 422),
        ("text", 422),
    ):
        answer = subscribe(server, request)
        assert set(answer) == {"code", "status", "message", "errors"}, request
        assert answer["code"] == code
    answer = subscribe(server, None)
    assert (answer["run"], answer["rows"]) == (None, [])


def test_an_unsubscribed_client_gets_no_run_events(server: LiveServer) -> None:
    run_events = []
    with server.client() as client:
        client.on("run", lambda payload: run_events.append(payload), namespace="/training")
        systems = []
        client.on("system", lambda payload: systems.append(payload), namespace="/training")
        client.call("subscribe", None, namespace="/training", timeout=20)
        client.call("unsubscribe", namespace="/training", timeout=20)
        run_id = server.start_run(server.write_command("e", "end_at_once.py"))
        server.wait_for_state(run_id, "completed")
        num_systems = len(systems)
        wait_until(lambda: len(systems) > num_systems + 1, 10)
        assert run_events == []


def test_system_events_come_once_a_second(server: LiveServer) -> None:
    systems = []
    with server.client() as client:
        client.on("system", lambda payload: systems.append((time.monotonic(), payload)), namespace="/training")
        run_id = server.start_run(server.write_command("w", "wait_for_file.py", "/nonexistent"))
        wait_for_log(server, run_id, "ready")
        wait_until(lambda: len([1 for _, system in systems if system["run"]]) >= 3, 15)
    assert 0.8 < (systems[-1][0] - systems[0][0]) / (len(systems) - 1) < 2
    system = systems[-1][1]
    assert system["run"]["num_processes"] == 2
    assert system["memory_total_mb"] > system["memory_used_mb"] > 0
    assert system["disk_free_mb"] > 0
    assert system["gpus"] == [] or "utilisation_percent" in system["gpus"][0]


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
        answer = requests.get(f"{server.url}/socket.io/?EIO=4&transport=polling", timeout=10)
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


def connected(server: LiveServer, **options: Any) -> websocket.WebSocket:
    """Return a plain WebSocket that has joined the namespace."""
    address = server.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    connection = websocket.create_connection(address, timeout=60, **WITHOUT_UTF8_CHECK, **options)
    connection.send("40/training,")
    return connection


def active_run(server: LiveServer) -> str:
    """Start a run that only waits and return its id. The test writes the run's files itself."""
    run_id = server.start_run(server.write_command("w", "wait_for_file.py", "/nonexistent"))
    wait_for_log(server, run_id, "ready")
    return run_id


def test_a_new_metrics_file_replaces_the_followers_rows(server: LiveServer) -> None:
    """No row of the earlier attempt remains, even for a client that sends only its row count."""
    run_id = active_run(server)
    run, header, metrics_file = server.runs_dir / run_id, "epoch,step,loss\n", "output/metrics.csv"
    write_metrics(run, header + "".join(f"{i // 10},{100 + i},1.5\n" for i in range(50)), metrics_file)
    with following(server, run_id) as client, following(server, run_id) as other:
        wait_until(lambda: len(client.rows) == len(other.rows) == 50, 10)
        other.omits_attempt = True
        new_rows = [{"epoch": 7 + i // 10, "step": i, "loss": 2.5} for i in range(60)]
        write_metrics(run, header + "".join(f"{row['epoch']},{row['step']},2.5\n" for row in new_rows), metrics_file)
        wait_until(lambda: client.rows == other.rows == new_rows, 10, lambda: (client.rows[:3], other.rows[:3]))
        assert set(client.epochs) == set(other.epochs) == set(range(7, 13))
        with following(server, run_id) as later:
            wait_until(lambda: later.rows == new_rows, 10)
            assert set(later.epochs) == set(range(7, 13))
        assert client.violations == other.violations == []


def test_a_follower_reads_a_truncated_log_from_its_start(server: LiveServer) -> None:
    run_id = active_run(server)
    log = server.runs_dir / run_id / "train.log"
    with following(server, run_id) as client:
        wait_until(lambda: client.log == "ready\n", 10)
        log.write_text("new\n")  # This is what logrotate's copytruncate does.
        wait_until(lambda: client.log == "new\n", 10, lambda: client.log)
        with following(server, run_id) as later:
            wait_until(lambda: later.log == "new\n", 10, lambda: later.log)


def test_events_that_show_a_gap_follow_the_acknowledgement(server: LiveServer) -> None:
    rows = "".join(f"{i // 1000},{i},{i / 8}\n" for i in range(40_000))
    run = write_run(server.runs_dir, "2020-01-01_00-00-00", metrics="epoch,step,loss\n" + rows)
    # Read the wire itself, because socketio.Client handles each message in its own thread, in any order.
    with closing(connected(server)) as connection:
        connection.send(f'42/training,0["subscribe",{{"run_id":"{run.name}"}}]')
        kinds = [""]
        while not kinds[-1].startswith('42/training,["log"'):
            kinds.append(str(connection.recv())[:30])
    assert [kind[:14] for kind in kinds if kind.startswith("43") or '"metrics"' in kind] == [
        "43/training,0[",
        '42/training,["',
    ]
