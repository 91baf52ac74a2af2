"""The queue over REST and sockets, and what every field of it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.answers import problem
from tests.conftest import end
from tests.live.following import following
from tests.servers import LiveServer
from tests.waiting import wait_until


@pytest.fixture
def busy(server: LiveServer) -> tuple[LiveServer, str, Path]:
    """A server with an active run that ends once the file exists."""
    release = server.home / "release"
    active = server.start_run(server.write_command("waiting", "wait_for_file.py", str(release)))
    server.write_command("quick", "exit_with.py", "0")
    return server, active, release


def enqueue(server: LiveServer, **fields: Any) -> str:
    answer = server.post("/training/start", {"config_name": "quick.yaml", "queue": True, **fields})
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert (body["status"], body.keys()) == ("queued", {"status", "run_id", "position"})
    return str(body["run_id"])


def queued_ids(server: LiveServer) -> list[str]:
    return [run["run_id"] for run in server.get("/training/queue").json()["runs"]]


def test_a_queue_from_the_first_entry_to_the_last_run(busy: tuple[LiveServer, str, Path]) -> None:
    server, active, release = busy
    assert server.post("/training/start", {"config_name": "quick.yaml"}).json()["run_id"] == active
    first, second = enqueue(server), enqueue(server)
    urgent = enqueue(server, priority=3)
    queue = server.get("/training/queue").json()
    assert (queue["paused"], [run["position"] for run in queue["runs"]]) == (False, [1, 2, 3])
    assert [run["run_id"] for run in queue["runs"]] == [urgent, first, second]
    assert queue["runs"][0] | {"queued_at": None} == {
        "run_id": urgent,
        "position": 1,
        "reason": "1 of 1 runs are active",
        "priority": 3,
        "gpus": None,
        "queued_at": None,
        "title": None,
        "config_name": "quick.yaml",
        "model_name": "model",
        "dataset": None,
    }
    page = server.get("/training/queue?limit=1&offset=1").json()
    assert page == queue | {"runs": queue["runs"][1:2]}
    assert (page["num_runs"], page["executor"]) == (3, "local")
    assert server.run(second)["queue"] == queue["runs"][2]
    assert server.run(active)["queue"] is None
    status = server.get("/training/status").json()
    assert (status["run_id"], status["num_queued"], status["last_run"]) == (active, 3, None)
    assert server.run(first)["state"] == "queued"
    listed = server.get("/training/metrics/runs?status=queued").json()
    assert {run["run_id"] for run in listed} == {first, second, urgent}
    assert problem(server.get("/training/metrics/latest"), 404)["message"].startswith(f"Run {active} is running")
    refused = server.delete(f"/training/models/{first}")
    assert (refused.status_code, refused.json()["success"]) == (409, False)

    moved = server.patch(f"/training/queue/{second}?limit=2", {"position": 1})
    assert [run["run_id"] for run in moved.json()["runs"]] == [second, urgent]
    assert server.post("/training/queue/pause").json()["paused"] is True
    assert [run["run_id"] for run in server.delete(f"/training/queue/{urgent}").json()["runs"]] == [second, first]
    assert server.run(urgent)["stop"]["requested_by"].startswith("REST ")
    assert problem(server.delete(f"/training/queue/{active}"), 409)["message"].endswith("it is running.")
    with following(server) as client:
        release.touch()
        server.wait_for_state(active, "completed")
        assert server.get("/training/queue").json()["runs"][0]["reason"] == "the queue is paused"
        assert server.post("/training/queue/resume").json()["paused"] is False
        for run_id in (second, first):
            server.wait_for_state(run_id, "completed")
        wait_until(lambda: client.run_id == first and client.state == "completed", 10, lambda: client.run)
        assert client.violations == []
    assert queued_ids(server) == []
    assert server.run(urgent)["state"] == "stopped"
    assert problem(server.patch(f"/training/queue/{first}", {"position": 1}), 409)["message"].endswith("completed.")


def test_followers_learn_of_the_queue_and_of_a_cancelled_run(busy: tuple[LiveServer, str, Path]) -> None:
    server, _, release = busy
    with server.client() as client:
        queues, states = [], []
        client.on("queue", queues.append, namespace="/training")
        client.on("run", lambda run: states.append((run["run_id"], run["state"])), namespace="/training")
        run_id = enqueue(server)
        wait_until(lambda: {"paused": False, "num_runs": 1, "run_ids": [run_id]} in queues, 10, lambda: queues)
        answer = client.call("subscribe", {"run_id": run_id}, namespace="/training", timeout=10)
        assert (answer["run"]["state"], answer["rows"]) == ("queued", [])
        server.post("/training/stop", {"run_id": run_id})
        wait_until(lambda: (run_id, "stopped") in states, 10, lambda: states)
        wait_until(lambda: queues[-1]["num_runs"] == 0, 10, lambda: queues)
    release.touch()


def test_two_workers_launch_every_queued_run_once_and_a_killed_server_loses_none(tmp_path: Path) -> None:
    server = LiveServer(tmp_path, "gunicorn", TRAINING_MAX_ACTIVE="2").start()
    try:
        launched = tmp_path / "launched"
        shell = f'["sh", "-c", "echo x >> {launched}"]'
        (server.configs_dir / "quick.yaml").write_text(f"command: {{argv: {shell}}}\n")
        server.post("/training/queue/pause")
        runs = [enqueue(server) for _ in range(12)]
        server.kill()  # As when the machine restarts.
        (server.configs_dir / "quick.yaml").unlink()
        server.workers = 2
        server.start()
        assert queued_ids(server) == runs
        server.post("/training/queue/resume")
        for run_id in runs:
            server.wait_for_state(run_id, "completed", timeout_s=60)
        assert launched.read_text() == "x\n" * 12
    finally:
        end(server)


BAD = {
    "queue": [None, 1, 0, "true", "yes", [], {}],
    "priority": [None, 1.5, "1", True, 1001, -1001, 2**64, [], {}],
    "gpus": [-1, 1.5, "1", True, 1025, 2**64, [], {}],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_bad_field_of_a_start_is_named(module_server: LiveServer, name: str, value: object) -> None:
    module_server.write_command("quick", "exit_with.py", "0")
    answer = module_server.post("/training/start", {"config_name": "quick.yaml", name: value})
    assert set(problem(answer, 422)["errors"]) == {name}
    assert queued_ids(module_server) == []


@pytest.mark.parametrize("position", [None, 0, -1, 1.5, "1", True, 2**64, [], {}])
def test_a_bad_position_is_named(module_server: LiveServer, position: object) -> None:
    answer = module_server.patch("/training/queue/2026-01-01_00-00-00", {"position": position})
    assert set(problem(answer, 422)["errors"]) == {"position"}
    assert set(problem(module_server.patch("/training/queue/x", {}), 422)["errors"]) == {"position"}


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "offset=-1", "page=2"])
def test_a_bad_query_is_named(module_server: LiveServer, query: str) -> None:
    for answer in (
        module_server.get(f"/training/queue?{query}"),
        module_server.post(f"/training/queue/pause?{query}"),
        module_server.patch(f"/training/queue/x?{query}", {"position": 1}),
        module_server.delete(f"/training/queue/x?{query}"),
    ):
        assert set(problem(answer, 422)["errors"]) == {query.partition("=")[0]}
    assert module_server.get("/training/queue").json()["paused"] is False


@pytest.mark.parametrize("run_id", ["none", "..", "%2e%2e%2fx", "a%00b", "%ff", "x" * 300])
def test_an_unknown_run_cannot_be_moved_or_cancelled(module_server: LiveServer, run_id: str) -> None:
    problem(module_server.patch(f"/training/queue/{run_id}", {"position": 1}), 404)
    problem(module_server.delete(f"/training/queue/{run_id}"), 404)


@pytest.fixture(autouse=True)
def resume(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "module_server" in request.fixturenames:
        request.getfixturevalue("module_server").post("/training/queue/resume")
