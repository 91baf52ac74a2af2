"""Runs of earlier versions of the service (tests/earlier): each is shown in full."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.app.answers import problem
from tests.servers import ROOT, LiveServer

EARLIER = {
    "2026-11-26_01-25-05": ("completed", "tiny.yaml", 10),
    "2026-11-26_13-13-40": ("completed", "fast.yaml", 3),
    "2026-11-26_13-13-43": ("interrupted", "fast.yaml", 22),
}
"""The state, the experiment and the number of rows of each run. The last one was copied while it was active."""
OF_OUR_TRAINER = "2026-11-26_01-25-05"


def put(server: LiveServer, run_id: str) -> Path:
    return Path(shutil.copytree(ROOT / "tests" / "earlier" / run_id, server.runs_dir / run_id))


@pytest.mark.parametrize("run_id", EARLIER)
def test_a_run_of_an_earlier_version_is_listed_and_readable(empty: LiveServer, run_id: str) -> None:
    path = put(empty, run_id)
    state, config_name, num_rows = EARLIER[run_id]
    [listed] = empty.get("/training/metrics/runs?best=1").json()
    assert (listed["status"], listed["config_name"], listed["has_metrics"]) == (state, config_name, True)
    run = empty.run(run_id)
    assert run["state"] == state
    assert run["config"] is not None
    assert empty.get(f"/training/metrics/runs/{run_id}").json()["total_rows"] == num_rows
    assert empty.get(f"/training/runs/{run_id}/log").json()["size"] == (path / "train.log").stat().st_size
    for artifact in empty.get(f"/training/runs/{run_id}/artifacts").json()["artifacts"]:
        assert empty.get(f"/training/runs/{run_id}/artifacts/{artifact['path']}").ok
    assert empty.delete(f"/training/models/{run_id}").json()["success"] is True


def test_a_model_of_an_earlier_version_is_offered(empty: LiveServer) -> None:
    earlier = put(empty, OF_OUR_TRAINER)
    run = empty.run(earlier.name)
    assert (run["model_name"], run["on_stop"], run["config"]["trainer"]["max_epochs"]) == ("squares", None, 3)
    [listed] = empty.get("/training/metrics/runs?best=1").json()
    assert listed["best_metrics"]["val/loss"] == pytest.approx(0.7447359561920166)
    [model] = empty.get("/training/models").json()["models_info"]
    assert model["model_path"] == str(earlier / "checkpoints" / "epoch_000.onnx"), "the folder has moved since"
    assert empty.get(f"/training/models/{earlier.name}/download").content == Path(model["model_path"]).read_bytes()


def test_a_run_of_an_earlier_version_cannot_be_resumed(empty: LiveServer) -> None:
    earlier = put(empty, OF_OUR_TRAINER)
    [listed] = empty.get("/training/metrics/runs").json()
    assert listed["can_resume"] is False, "so no client offers to resume it"
    start = {"resume_from": earlier.name, "overrides": {"trainer.max_epochs": 5}}
    for path in ("check", "start"):
        errors = problem(empty.post(f"/training/{path}", start), 422)["errors"]
        assert "is of another version of this program; start without resume_from" in errors["resume_from"][0]
    assert len(empty.get("/training/metrics/runs").json()) == 1
