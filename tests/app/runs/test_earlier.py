"""Runs of an earlier version of the service (tests/earlier), which are shown in full but cannot be resumed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.app.answers import problem
from tests.servers import ROOT, LiveServer

EARLIER = sorted((ROOT / "tests" / "earlier").iterdir())


@pytest.fixture(params=EARLIER, ids=lambda path: path.name)
def earlier(request: pytest.FixtureRequest, empty: LiveServer) -> Path:
    return Path(shutil.copytree(request.param, empty.runs_dir / request.param.name))


def test_a_run_of_an_earlier_version_is_shown_in_full(empty: LiveServer, earlier: Path) -> None:
    run = empty.run(earlier.name)
    assert (run["state"], run["model_name"], run["on_stop"]) == ("completed", "squares", None)
    assert run["config"]["trainer"]["max_epochs"] == 3
    [listed] = empty.get("/training/metrics/runs?best=1").json()
    assert (listed["status"], listed["dataset"], listed["has_metrics"]) == ("completed", "squares", True)
    assert listed["best_metrics"]["val/loss"] == pytest.approx(0.7447359561920166)
    assert empty.get(f"/training/metrics/runs/{earlier.name}").json()["total_rows"] == 10
    assert "completed" in empty.get(f"/training/runs/{earlier.name}/log").json()["text"]
    [model] = empty.get("/training/models").json()["models_info"]
    assert model["model_path"] == str(earlier / "checkpoints" / "epoch_000.onnx"), "the folder has moved since"
    assert empty.get(f"/training/models/{earlier.name}/download").content == Path(model["model_path"]).read_bytes()


def test_a_run_of_an_earlier_version_cannot_be_resumed(empty: LiveServer, earlier: Path) -> None:
    [listed] = empty.get("/training/metrics/runs").json()
    assert listed["can_resume"] is False, "so no client offers to resume it"
    start = {"resume_from": earlier.name, "overrides": {"trainer.max_epochs": 5}}
    for path in ("check", "start"):
        errors = problem(empty.post(f"/training/{path}", start), 422)["errors"]
        assert "is of another version of this program; start without resume_from" in errors["resume_from"][0]
    assert len(empty.get("/training/metrics/runs").json()) == 1
