"""Answers to `subscribe`, and the events that clients get without following a run."""

from __future__ import annotations

import time
from contextlib import closing

from tests.app.written import write_run
from tests.live.following import connected
from tests.live.processes import wait_for_log
from tests.servers import LiveServer
from tests.waiting import wait_until


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
