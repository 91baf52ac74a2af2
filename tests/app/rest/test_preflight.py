"""GET /training/datasets/{name}, and the check of the images before a start."""

from __future__ import annotations

import fcntl
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.app.answers import problem, tree
from tests.servers import LiveServer
from tests.trainer.trainings import TINY, write_images

CONFIG = "tiny.yaml"


@pytest.fixture
def pets(shared: LiveServer) -> Path:
    """A new dataset for each test, and an experiment that can train on it."""
    (shared.configs_dir / CONFIG).write_text(TINY, encoding="utf-8")
    name = f"pets-{time.monotonic_ns()}"
    return write_images(shared.data_dir / name, {"cat": 60, "dog": 180}, counts=(12, 3, 3))


def test_a_dataset_is_reported(shared: LiveServer, pets: Path) -> None:
    answer = shared.get(f"/training/datasets/{pets.name}")
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert report.pop("checked_at")
    assert report == {
        "dataset_name": pets.name,
        "status": "checked",
        "done": 36,
        "total": 36,
        "num_decoded": 36,
        "splits": {
            split: {
                "path": str(pets / split),
                "num_images": 2 * number,
                "classes": {"cat": number, "dog": number},
                "ignored": {},
            }
            for split, number in (("train", 12), ("val", 3), ("test", 3))
        },
        "sizes": [{"width": 8, "height": 8, "count": 36}],
        "num_sizes": 1,
        "channels": {"grey": 36},
        "value_range": None,
        "errors": [],
        "warnings": [],
    }


def test_a_client_that_does_not_wait_gets_a_202_until_the_report_is_ready(shared: LiveServer, pets: Path) -> None:
    path = f"/training/datasets/{pets.name}"
    first = shared.get(f"{path}?wait=0")
    assert first.status_code == 202
    assert (first.json()["status"], first.json()["dataset_name"]) == ("checking", pets.name)
    assert shared.get(path).status_code == 200


@pytest.mark.parametrize("name", ["birds", "..", "%2e%2e", "pets%00", ".hidden", "x" * 300])
def test_an_unknown_dataset_is_a_404(shared: LiveServer, name: str) -> None:
    problem(shared.get(f"/training/datasets/{name}"), 404)


def test_unreadable_images_are_a_422_that_names_them_and_writes_nothing(shared: LiveServer, pets: Path) -> None:
    for number in range(8):
        (pets / "test" / "dog" / f"bad{number}.png").write_bytes(b"x")
    before = tree(shared.runs_dir)
    body = problem(shared.post("/training/start", {"config_name": CONFIG, "dataset": pets.name}), 422)
    assert body["errors"] == {
        "test_data_dir": [
            "8 images cannot be read (data.skip_unreadable trains without them): "
            + ", ".join(f"test/dog/bad{number}.png: not an image in a format that Pillow reads" for number in range(5))
            + " and 3 more."
        ],
    }
    assert "test/dog/bad0.png" in body["message"]
    assert tree(shared.runs_dir) == before
    assert shared.get("/training/status").json()["running"] is False


def test_warnings_do_not_prevent_a_start_and_are_stored_with_the_run(shared: LiveServer, pets: Path) -> None:
    (pets / "test" / "cat" / "leaked.png").write_bytes((pets / "train" / "cat" / "0.png").read_bytes())
    run_id = shared.start_run(CONFIG, dataset=pets.name)
    shared.post("/training/stop", {"mode": "discard"})
    preflight = shared.run(run_id)["preflight"]
    assert preflight == json.loads((shared.runs_dir / run_id / "preflight.json").read_text())
    assert [warning["kind"] for warning in preflight["warnings"]] == ["leakage"]
    assert preflight["warnings"][0]["files"] == ["test/cat/leaked.png = train/cat/0.png"]


def test_the_images_of_a_command_are_not_checked(shared: LiveServer, pets: Path) -> None:
    (pets / "val" / "cat" / "0.png").write_bytes(b"x")
    run_id = shared.start_run(shared.write_command("quick", "exit_with.py", "0"), dataset=pets.name)
    shared.wait_for_state(run_id, "completed")
    assert shared.run(run_id)["preflight"] is None


def test_other_requests_are_answered_during_a_check(shared: LiveServer, pets: Path) -> None:
    path = f"/training/datasets/{pets.name}"
    assert shared.get(path).status_code == 200
    (pets / "val" / "cat" / "0.png").write_bytes(b"x")
    with ThreadPoolExecutor() as threads, ExitStack() as stack:
        for lock in (shared.runs_dir.parent / "preflight").glob("*.lock"):
            fcntl.flock(stack.enter_context(open(lock, "w")), fcntl.LOCK_EX)  # The next check waits for one of them.
        waiting = threads.submit(shared.get, path)
        for _ in range(3):
            assert shared.get(f"{path}?wait=0").status_code == 202
            assert shared.get("/ping").ok
        assert not waiting.done()
        stack.close()
        assert waiting.result().json()["errors"]
