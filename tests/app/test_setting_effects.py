"""What settings do in a running service."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.factory import create_app
from app.settings import Settings
from tests.app.answers import check_shape, problem
from tests.app.written import write_dataset, write_images
from tests.conftest import end
from tests.servers import LiveServer
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with settings other than the defaults."""
    server = LiveServer(tmp_path_factory.mktemp("configured"))
    server.settings |= {
        "TRAINING_DATA_ROOTS": f"{server.home / 'inside'}:{server.home / 'other'}",
        "TRAINING_STOP_GRACE_S": "0.2",
        "TRAINING_POLL_INTERVAL_S": "1",
    }
    server.start()
    yield server
    end(server)


def test_data_must_lie_below_the_data_roots(configured: LiveServer) -> None:
    server, inside, outside = configured, configured.home / "inside", configured.home / "outside"
    for root in (inside, outside):
        write_images(root, cat=1)
    (inside / "link").symlink_to(outside)
    write_dataset(server.data_dir, "pets")
    (server.configs_dir / "echo.yaml").write_text('command:\n  argv: [echo, "{train_data_dir}"]\n')
    for folder in (outside, inside / "link", inside / ".." / "outside", "/", f"{inside}-not"):
        answer = server.post("/training/start", {"config_name": "echo", "train_data_dir": str(folder)})
        assert "TRAINING_DATA_ROOTS" in problem(answer, 422)["errors"]["train_data_dir"][0]
    unused = {"config_name": "echo", "train_data_dir": str(inside), "test_data_dir": str(outside)}
    assert set(problem(server.post("/training/start", unused), 422)["errors"]) == {"test_data_dir"}
    problem(server.post("/training/start", {"config_name": "echo", "dataset": "pets"}), 422)
    run_id = server.start_run("echo", train_data_dir=str(inside))
    server.wait_for_state(run_id, "completed")


def test_a_program_that_ignores_sigterm_is_killed_after_the_grace(configured: LiveServer) -> None:
    run_id = configured.start_run(configured.write_command("deaf", "ignore_sigterm.py"))
    wait_until(lambda: configured.get(f"/training/runs/{run_id}/log").json()["text"], 10)
    assert configured.post("/training/stop").json()["status"] == "stopped"
    assert "0.2 s" in configured.run(run_id)["reason"]


def test_the_poll_interval_bounds_how_often_rows_are_sent(configured: LiveServer) -> None:
    received: list[dict[str, Any]] = []
    with configured.client() as client:
        client.on("metrics", received.append, namespace="/training")
        client.call("subscribe", {}, namespace="/training")
        argv = "write_metrics.py", "{run_dir}", "--rows", "40", "--pause", "0.05"
        began = time.monotonic()
        run_id = configured.start_run(configured.write_command("rows", *argv))
        configured.wait_for_state(run_id, "completed")
        wait_until(lambda: sum(len(event["rows"]) for event in received) == 40, 10, lambda: received)
        took_s = time.monotonic() - began
    # The program writes for at least two seconds. Polling every 0.1 s would send twenty events.
    assert len([event for event in received if event["rows"]]) <= 2 + 2 * took_s


def test_too_little_free_disk_refuses_a_start(tmp_path: Path) -> None:
    (tmp_path / "quick.yaml").write_text("command:\n  argv: [echo]\n")
    settings = Settings(runs_dir=tmp_path / "runs", configs_dir=tmp_path, min_free_mb=999_999_999)
    client = create_app(settings, "threading").test_client()
    answer = client.post("/training/start", json={"config_name": "quick.yaml"})
    message = check_shape(answer.get_json(), 507)["message"]
    assert "TRAINING_MIN_FREE_MB" in message
    assert str(settings.runs_dir) in message
    assert not list(settings.runs_dir.glob("*"))
