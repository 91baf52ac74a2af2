"""Following over Socket.IO: nothing lost, nothing doubled, whoever else is there and whatever breaks."""

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
def test_30_forced_disconnects_lose_and_double_nothing(server: LiveServer) -> None:
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
        assert server.run(run_id)["state"] == "running", "or the last ones were no disconnects during a run"
        wait_until_over(client, 60)
        assert client.num_connects == 31
        assert_equals_files(client, server)


@pytest.mark.slow
def test_500_wider_headers_lose_double_and_tear_nothing(stopped_server: LiveServer) -> None:
    server = stopped_server
    server.settings["TRAINING_POLL_INTERVAL_S"] = "0.01"  # So that many reads fall into a rewrite.
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
            client.heard.clear()
            run_id = server.start_run(config)
            wait_until(lambda run_id=run_id: client.run_id == run_id, 10)
            wait_until_over(client)
            assert client.heard[-1][0] == "run"
            assert_equals_files(client, server)


@pytest.mark.slow
def test_50_clients_all_hear_everything(server: LiveServer) -> None:
    config = server.write_command("m", "write_metrics.py", "{run_dir}", "--rows", "300", "--pause", "0.01")
    with ExitStack() as stack:
        clients = [stack.enter_context(following(server)) for _ in range(50)]
        server.start_run(config)
        for client in clients:
            wait_until_over(client, 60)
        for client in clients:
            assert client.heard[-1][0] == "run"
            assert_equals_files(client, server)


@pytest.mark.slow
def test_a_client_that_stops_reading_slows_nobody_and_catches_up(own_server: LiveServer) -> None:
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
                began = time.monotonic()
                assert own_server.get("/training/status").ok
                assert time.monotonic() - began < 2
            wait_until_it_has_all(slow, own_server)
            assert_equals_files(slow, own_server)
    finally:
        slow.close()


def test_a_client_that_asks_without_reading_the_answers_costs_little(own_server: LiveServer) -> None:
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
        answered = 0
        while answered < 200:
            answered += str(connection.recv()).startswith("43/training,")
        while '["log",{' not in str(connection.recv())[:30]:
            pass  # Now that it has taken everything, it hears that there is more.


def test_a_follower_goes_on_to_the_next_run_and_one_of_a_single_run_does_not(server: LiveServer) -> None:
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


def test_whoever_comes_late_is_told_everything(server: LiveServer) -> None:
    run_id = server.start_run(server.write_command("m", "write_metrics.py", "{run_dir}", "--rows", "200"))
    server.wait_for_state(run_id, "completed")
    for asked in (None, run_id):
        with following(server, asked) as client:
            wait_until_over(client)
            assert_equals_files(client, server)


def test_a_long_past_comes_in_pieces_and_is_read_anew_when_it_was_changed(server: LiveServer) -> None:
    header, lines = "epoch,step,a,b,c\n", [f"{i // 1000},{i},{i / 8},,1\n" for i in range(45_000)]
    run_path = write_run(server.runs_dir, "2020-01-01_00-00-00", metrics=header + "".join(lines), log=b"started\n")
    for _ in range(2):
        with following(server, run_path.name) as client:
            wait_until_it_has_all(client, server)
            assert_equals_files(client, server)
            assert 0 < client.num_gaps < 12
        write_metrics(run_path, header + "".join(reversed(lines)) + "45,45000,1,2,nan\n")


def test_the_direction_of_each_metric_is_told_with_its_rows(server: LiveServer) -> None:
    told = write_run(server.runs_dir, "2020-01-01_00-00-00", metrics="epoch,val/rmse,val/iou,lr\n0,1,2,3\n")
    with server.client() as client:
        answer = client.call("subscribe", {"run_id": told.name}, namespace="/training", timeout=20)
    assert answer["directions"] == {"val/rmse": "lower", "val/iou": "higher"}
    (listed,) = server.get("/training/metrics/runs?best=1").json()
    assert (listed["best_metrics"], listed["directions"]) == ({"val/rmse": 1.0, "val/iou": 2.0}, answer["directions"])
    assert server.get("/training/metrics/runs").json()[0]["directions"] is None


def call(server: LiveServer, asked: object) -> dict[str, object]:
    with server.client() as client:
        return dict(client.call("subscribe", asked, namespace="/training", timeout=20))


def test_a_subscription_that_cannot_be_is_an_error_of_the_one_shape(server: LiveServer) -> None:
    for asked, code in (
        ({"run_id": "2000-01-01_00-00-00"}, 404),
        ({"run_id": "../x"}, 404),
        ({"row": -1}, 422),
        ({"row": "1"}, 422),
        ({"log_offset": -1}, 422),
        ({"unknown": 1}, 422),
        ([1, 2], 422),
        ("text", 422),
    ):
        told = call(server, asked)
        assert set(told) == {"code", "status", "message", "errors"}, asked
        assert told["code"] == code
    told = call(server, None)
    assert (told["run"], told["rows"]) == (None, [])


def test_unsubscribed_is_unsubscribed(server: LiveServer) -> None:
    heard = []
    with server.client() as client:
        client.on("run", lambda payload: heard.append(payload), namespace="/training")
        systems = []
        client.on("system", lambda payload: systems.append(payload), namespace="/training")
        client.call("subscribe", None, namespace="/training", timeout=20)
        client.call("unsubscribe", namespace="/training", timeout=20)
        run_id = server.start_run(server.write_command("e", "end_at_once.py"))
        server.wait_for_state(run_id, "completed")
        num_systems = len(systems)
        wait_until(lambda: len(systems) > num_systems + 1, 10)
        assert heard == []


def test_the_measures_come_once_a_second(server: LiveServer) -> None:
    systems = []
    with server.client() as client:
        client.on("system", lambda payload: systems.append((time.monotonic(), payload)), namespace="/training")
        run_id = server.start_run(server.write_command("w", "wait_for_file.py", "/nonexistent"))
        wait_for_log(server, run_id, "ready")
        wait_until(lambda: len([1 for _, measures in systems if measures["run"]]) >= 3, 15)
    assert 0.8 < (systems[-1][0] - systems[0][0]) / (len(systems) - 1) < 2
    measures = systems[-1][1]
    assert measures["run"]["num_processes"] == 2
    assert measures["memory_total_mb"] > measures["memory_used_mb"] > 0
    assert measures["disk_free_mb"] > 0
    assert measures["gpus"] == [] or "utilisation_percent" in measures["gpus"][0]


def test_the_limit_of_open_files_is_raised_to_what_the_sockets_need(stopped_server: LiveServer) -> None:
    server = stopped_server
    for limits, allowed, is_warned in (("-Sn 256", 3000, False), ("-n 512", 512, True)):
        server.wrapper = ["sh", "-c", f'ulimit {limits}; exec "$@"', "sh"]
        server.start()
        assert server.process is not None
        process = psutil.Process(server.process.pid)
        serving = [process, *process.children()]  # Under gunicorn the worker is a child.
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
    """A bare WebSocket in the namespace."""
    address = server.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    connection = websocket.create_connection(address, timeout=60, **WITHOUT_UTF8_CHECK, **options)
    connection.send("40/training,")
    return connection


def active_run(server: LiveServer) -> str:
    """A run that ends when its test does, and writes nothing but what the test writes for it."""
    run_id = server.start_run(server.write_command("w", "wait_for_file.py", "/nonexistent"))
    wait_for_log(server, run_id, "ready")
    return run_id


def test_metrics_begun_anew_replace_what_followers_have(server: LiveServer) -> None:
    """Of the earlier attempt nothing is left, also for a client that says no more than how many rows it has."""
    run_id = active_run(server)
    run, header, place = server.runs_dir / run_id, "epoch,step,loss\n", "output/metrics.csv"
    write_metrics(run, header + "".join(f"{i // 10},{100 + i},1.5\n" for i in range(50)), place)
    with following(server, run_id) as client, following(server, run_id) as forgetful:
        wait_until(lambda: len(client.rows) == len(forgetful.rows) == 50, 10)
        forgetful.is_forgetful = True
        again = [{"epoch": 7 + i // 10, "step": i, "loss": 2.5} for i in range(60)]
        write_metrics(run, header + "".join(f"{row['epoch']},{row['step']},2.5\n" for row in again), place)
        wait_until(lambda: client.rows == forgetful.rows == again, 10, lambda: (client.rows[:3], forgetful.rows[:3]))
        assert set(client.epochs) == set(forgetful.epochs) == set(range(7, 13))
        with following(server, run_id) as later:
            wait_until(lambda: later.rows == again, 10)
            assert set(later.epochs) == set(range(7, 13))
        assert client.violations == forgetful.violations == []


def test_a_log_that_shrinks_is_begun_anew(server: LiveServer) -> None:
    run_id = active_run(server)
    log = server.runs_dir / run_id / "train.log"
    with following(server, run_id) as client:
        wait_until(lambda: client.log == "ready\n", 10)
        log.write_text("new\n")  # As by copytruncate.
        wait_until(lambda: client.log == "new\n", 10, lambda: client.log)
        with following(server, run_id) as later:
            wait_until(lambda: later.log == "new\n", 10, lambda: later.log)


def test_the_gap_is_told_after_the_answer(server: LiveServer) -> None:
    rows = "".join(f"{i // 1000},{i},{i / 8}\n" for i in range(40_000))
    run = write_run(server.runs_dir, "2020-01-01_00-00-00", metrics="epoch,step,loss\n" + rows)
    # As it is on the wire: the usual client handles each message in a thread of its own.
    with closing(connected(server)) as connection:
        connection.send(f'42/training,0["subscribe",{{"run_id":"{run.name}"}}]')
        kinds = [""]
        while not kinds[-1].startswith('42/training,["log"'):
            kinds.append(str(connection.recv())[:30])
    assert [kind[:14] for kind in kinds if kind.startswith("43") or '"metrics"' in kind] == [
        "43/training,0[",
        '42/training,["',
    ]
