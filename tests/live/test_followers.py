"""Followers over Socket.IO get everything exactly once."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.app.written import write_metrics, write_run
from tests.conftest import on_eventlet
from tests.live.files import assert_equals_files, rows_of, wait_until_it_has_all, wait_until_over
from tests.live.following import following
from tests.live.processes import open_gates, wait_for_log
from tests.servers import LiveServer
from tests.waiting import wait_until


@pytest.mark.slow
def test_12_disconnects_lose_and_duplicate_nothing(server: LiveServer) -> None:
    config = server.write_command(
        *("m", "write_metrics.py", "{run_dir}", "--rows", "1500", "--pause", "0.002", "--new-column-every", "75"),
        "--gates",
    )
    with following(server) as client:
        run_id = server.start_run(config)
        for number in range(1, 13):
            rows_before = len(client.rows)
            open_gates(server.runs_dir / run_id, str(120 * number))
            wait_until(lambda rows_before=rows_before: len(client.rows) > rows_before, 20)
            client.cut()
            wait_until(lambda number=number: client.num_connects > number, 20)
        open_gates(server.runs_dir / run_id, "inf")
        wait_until_over(client, 60)
        assert client.num_connects == 13
        assert_equals_files(client, server)


@pytest.mark.slow
@on_eventlet
def test_200_wider_headers_lose_duplicate_and_tear_nothing(stopped_server: LiveServer) -> None:
    server = stopped_server
    server.settings["TRAINING_POLL_INTERVAL_S"] = "0.01"  # Then many reads happen during a rewrite.
    server.start()
    config = server.write_command(
        "m", "write_metrics.py", "{run_dir}", "--rows", "201", "--new-column-every", "1", "--rows-per-epoch", "50"
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
        assert len(rows_of(server.runs_dir / run_id)[-1]) > 100
        assert_equals_files(client, server)
        columns = server.get(f"/training/metrics/runs/{run_id}").json()["available_columns"]
        assert len(columns) == 203


def test_the_final_state_comes_after_the_last_metrics_and_log(server: LiveServer) -> None:
    config = server.write_command("m", "write_metrics.py", "{run_dir}", "--rows", "300")
    with following(server) as client:
        for _ in range(5):
            client.events.clear()
            run_id = server.start_run(config)
            wait_until(lambda run_id=run_id: client.run_id == run_id, 10)
            wait_until_over(client)
            assert client.has_ended_last
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
            assert client.has_ended_last
            assert_equals_files(client, server)


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
