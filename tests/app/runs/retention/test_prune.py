"""What may go and what stays, and that nothing else is touched."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from app.runs.collect.runmetrics import RunMetrics
from app.runs.exceptions import RunError, RunNeeded, RunQueued
from app.runs.retention.prune import Decision, Pruner, Rule
from app.runs.store.store import RunStore
from tests.app.answers import tree
from tests.app.runs.slots import executor_of, hold, store_of
from tests.app.written import write_command_run, write_files, write_json, write_model, write_run

DAY_S = 86400.0
ALL = Rule(older_than_s=0, keep_best=None)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return store_of(tmp_path / "runs")


@pytest.fixture
def pruner(store: RunStore, tmp_path: Path) -> Pruner:
    return Pruner(store, RunMetrics(tmp_path / "scraped"))


def write_trained(
    store: RunStore, run_id: str, value: float | None = 0.5, monitor: str = "val/loss", **more: Any
) -> Path:
    """Write a run of our trainer with a value of the metric that it watches, a model and its checkpoints."""
    metrics = None if value is None else f"epoch,step,{monitor}\n0,1,{value}\n"
    run = write_run(store.runs_dir, run_id, **({} if metrics is None else {"metrics": metrics}), **more)
    (run / "config.yaml").write_text(f"checkpoint: {{monitor: {monitor}}}\n")
    change(run, "run.json", program={"needs_result": True})
    write_files(run / "checkpoints", "epoch_003.ckpt", "last.ckpt", "last.json", content=b"x" * 100)
    write_model(run)
    return run


def change(run: Path, name: str, **more: Any) -> None:
    write_json(run / name, json.loads((run / name).read_text()) | more)


def fates(decisions: list[Decision]) -> dict[str, str | None]:
    return {each.run.run_id: each.kept_because for each in decisions}


def removed(decisions: list[Decision]) -> list[str]:
    return [each.run.run_id for each in decisions if each.kept_because is None]


def test_the_best_runs_of_each_experiment_and_metric_stay(store: RunStore, pruner: Pruner) -> None:
    for number, loss in enumerate([0.3, 0.9, 0.1]):
        write_trained(store, f"loss-{number}", loss)
    for number, accuracy in enumerate([0.3, 0.9, 0.1]):
        write_trained(store, f"acc-{number}", accuracy, "val/acc")
    write_trained(store, "other", 0.99, request={"config_name": "other.yaml"})
    write_trained(store, "empty", None)
    decided = pruner.plan(Rule(None, keep_best=1))
    assert sorted(removed(decided)) == ["acc-0", "acc-2", "loss-0", "loss-1"]
    assert "number 1 of digits.yaml by val/acc (0.9)" in str(fates(decided)["acc-1"])
    assert "best val/loss is unknown" in str(fates(decided)["empty"])
    assert removed(pruner.plan(Rule(None, keep_best=1, monitor="val/acc"))) != removed(decided)


def test_young_runs_stay(store: RunStore, pruner: Pruner) -> None:
    for days in (1, 40):
        ended = datetime.now(timezone.utc) - timedelta(days=days)
        change(write_trained(store, f"{days}-days"), "state.json", ended_at=ended.isoformat())
    decided = pruner.plan(Rule(older_than_s=30 * DAY_S, keep_best=None))
    assert fates(decided) == {"1-days": "it ended 1 day ago", "40-days": None}
    [old] = [each for each in decided if each.kept_because is None]
    assert old.lost == ("its model", "the checkpoint to resume from")
    assert old.size_bytes is not None
    assert old.size_bytes > 300


def test_runs_that_are_not_over_and_what_they_resume_from_stay(store: RunStore, pruner: Pruner) -> None:
    for run_id in ("parent", "free"):
        write_trained(store, run_id)
    queued = write_run(store.runs_dir, "queued", None, request={"resume_from": "parent"})
    write_json(queued / "queued.json", {})
    active, descriptor = hold(store)
    (store.runs_dir / "foreign").mkdir()
    with open(descriptor):
        decided = pruner.plan(ALL)
        assert removed(decided) == ["free"]
        assert fates(decided) == {
            "parent": "run queued resumes from it",
            "free": None,
            "queued": "it is queued",
            "foreign": "this service did not create it",
            active.name: "it is starting",
        }


def test_a_plan_changes_nothing(store: RunStore, pruner: Pruner, tmp_path: Path) -> None:
    write_trained(store, "run-1")
    before = tree(tmp_path)
    for rule in (ALL, Rule(None, 1), Rule(0, None, checkpoints_only=True)):
        pruner.plan(rule)
    assert tree(tmp_path) == before


def test_only_checkpoints_go(store: RunStore, pruner: Pruner) -> None:
    run = write_trained(store, "run-1")
    [decision] = pruner.plan(Rule(0, None, checkpoints_only=True))
    assert (decision.size_bytes, decision.lost) == (300, ("the checkpoint to resume from",))
    pruner.remove(decision)
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["epoch_003.onnx"]
    assert (run / "csv" / "version_0" / "metrics.csv").exists()
    [decision] = pruner.plan(Rule(0, None, checkpoints_only=True))
    assert decision.kept_because == "it has no checkpoints"


def test_the_checkpoints_of_a_command_are_what_it_resumes_from_without_its_models(tmp_path: Path) -> None:
    runs_dir, link_roots = tmp_path / "runs", (tmp_path / "elsewhere",)
    pruner = Pruner(RunStore(runs_dir, executor_of(runs_dir), link_roots), RunMetrics(tmp_path / "scraped"))
    run = write_command_run(runs_dir, "run-1", models=["*.pt"])
    change(run, "run.json", resume=["best.pt", "checkpoint-*", "linked/*.bin", "linked/precious.bin"])
    write_files(run / "output", "best.pt", "checkpoint-5/a.bin", "checkpoint-5/deep/b.bin", "data.bin", content=b"x")
    write_files(tmp_path / "elsewhere", "precious.bin")
    (run / "output" / "linked").symlink_to(tmp_path / "elsewhere")
    (run / "output" / "checkpoint-9").symlink_to(tmp_path / "elsewhere")
    [decision] = pruner.plan(Rule(0, None, checkpoints_only=True))
    pruner.remove(decision)
    left = {path.relative_to(run / "output").as_posix() for path in (run / "output").iterdir()}
    assert left == {"best.pt", "data.bin", "linked", "checkpoint-9"}
    assert (tmp_path / "elsewhere" / "precious.bin").exists()


def test_a_run_that_is_a_link_stays(store: RunStore, pruner: Pruner, tmp_path: Path) -> None:
    store.runs_dir.mkdir()
    elsewhere = write_run(tmp_path / "disk", "run-1")
    (store.runs_dir / "run-1").symlink_to(elsewhere)
    assert "link" in str(fates(pruner.plan(ALL))["run-1"])


def test_a_run_that_is_needed_again_since_the_plan_stays(store: RunStore, pruner: Pruner) -> None:
    run = write_trained(store, "run-1")
    [decision] = pruner.plan(ALL)
    child = write_run(store.runs_dir, "child", None, request={"resume_from": "run-1"})
    write_json(child / "queued.json", {})
    with pytest.raises(RunNeeded):
        pruner.remove(decision)
    (run / "state.json").unlink()
    write_json(run / "queued.json", {})
    (child / "queued.json").unlink()
    with pytest.raises(RunQueued):
        pruner.remove(decision)
    assert run.exists()


def test_a_run_that_somebody_deleted_is_reported(store: RunStore, pruner: Pruner) -> None:
    write_trained(store, "run-1")
    [decision] = pruner.plan(ALL)
    pruner.remove(decision)
    with pytest.raises(RunError, match="No run"):
        pruner.remove(decision)
