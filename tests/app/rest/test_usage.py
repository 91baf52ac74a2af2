"""GET /training/runs/{run_id}/usage."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.app.answers import problem
from tests.app.written import write_run
from tests.servers import LiveServer

USAGE = """time,cpu_percent,memory_mb,gpu1_utilisation_percent,gpu1_memory_used_mb,gpu1_power_w,gpu1_temperature_c
1764149064,98.5,5120,97,70000,650.5,
1764149066,101,5200,98,71000,,60
17641490"""


@pytest.fixture
def run(shared: LiveServer) -> Path:
    return write_run(shared.runs_dir, f"run-{time.monotonic_ns()}")


def test_the_usage_is_a_list_for_each_column(shared: LiveServer, run: Path) -> None:
    (run / "usage.csv").write_text(USAGE)
    assert shared.get(f"/training/runs/{run.name}/usage").json() == {
        "run_id": run.name,
        "every_s": 2,
        "times": [1764149064, 1764149066],
        "cpu_percent": [98.5, 101],
        "memory_mb": [5120, 5200],
        "gpus": [
            {
                "index": 1,
                "utilisation_percent": [97, 98],
                "memory_used_mb": [70000, 71000],
                "power_w": [650.5, None],
                "temperature_c": [None, 60],
            }
        ],
    }
    assert shared.run(run.name)["usage_problem"] is None


def test_a_run_without_usage_is_a_404_that_says_why(shared: LiveServer, run: Path) -> None:
    path = f"/training/runs/{run.name}/usage"
    assert "before the first measurement" in problem(shared.get(path), 404)["message"]
    record = json.loads((run / "state.json").read_text())
    (run / "state.json").write_text(json.dumps(record | {"host": "node17"}))
    assert "node17" in problem(shared.get(path), 404)["message"]
    assert "node17" in shared.run(run.name)["usage_problem"]


def test_a_folder_that_is_not_ours_has_no_usage(shared: LiveServer) -> None:
    folder = shared.runs_dir / f"foreign-{time.monotonic_ns()}"
    folder.mkdir()
    (folder / "usage.csv").write_text(USAGE)
    assert "only its own runs" in problem(shared.get(f"/training/runs/{folder.name}/usage"), 404)["message"]


def test_garbage_has_no_rows(shared: LiveServer, run: Path) -> None:
    (run / "usage.csv").write_bytes(b"\xff\x00,,\n" * 1000)
    answer = shared.get(f"/training/runs/{run.name}/usage").json()
    assert (answer["times"], answer["gpus"]) == ([], [])
