"""The one CSV with a run's metrics."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.runs.collect.runmetrics import MetricsFile, RunMetrics
from app.runs.metrics.inspection import inspect
from app.runs.metrics.summary import describe
from app.runs.store.run import Run
from tests.app.runs.collect.runs import command_run, write
from tests.app.runs.tables import rows_of
from tests.servers import ROOT
from trainer.rundir import RunDir

HISTORY = [{"epoch": 0.5, "step": 10, "loss": 2.3}, {"epoch": 1.0, "eval_accuracy": 0.4, "step": 20}]


def collect(run: Run) -> MetricsFile:
    return RunMetrics(run.directory.path.parent / "scraped").collect_all(run, 10)


def table(found: MetricsFile) -> list[list[object]]:
    assert found.file is not None
    read = inspect(found.file, declared=found.declared)
    return [list(read.columns), *(list(row) for row in rows_of(read))]


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_one_csv_is_read_in_place(tmp_path: Path) -> None:
    run = command_run(tmp_path / "run", "completed", files=["*.csv"])
    path = write(run, "results.csv", "epoch,loss\n1,2\n")
    found = collect(run)
    assert found.file is not None
    assert (found.file.path, found.problem) == (path, None)
    assert files_in(run.directory.path) == ["output/results.csv", "run.json"]


@pytest.mark.parametrize("name", ["metrics.jsonl", "log.txt", "metrics.json"])
def test_json_lines_are_collected_whatever_their_name(tmp_path: Path, name: str) -> None:
    run = command_run(tmp_path / "run", "completed", files=[name])
    write(run, name, '{"epoch": 0, "train": {"loss": 1.5}, "note": "ok"}\n{"epoch": 1, "train": {"loss": 1.25}}')
    assert table(collect(run)) == [["epoch", "train/loss", "note"], [0, 1.5, None], [1, 1.25, None]]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_trainer_state_is_collected_without_declaration(tmp_path: Path, indent: int | None) -> None:
    run = command_run(tmp_path / "run", "completed")
    for steps in (1, 2):
        state = json.dumps({"log_history": HISTORY[:steps]}, indent=indent)
        write(run, f"model/checkpoint-{steps}0/trainer_state.json", state)
        found = collect(run)
    assert table(found) == [["epoch", "step", "loss", "eval_accuracy"], [0.5, 10, 2.3, None], [1, 20, None, 0.4]]
    assert found.file is not None
    assert describe(inspect(found.file))["total_epochs"] == 1


def test_a_history_of_keras_is_no_json_lines(tmp_path: Path) -> None:
    run = command_run(tmp_path / "run", "completed", files=["history.json"])
    write(run, "history.json", json.dumps({"accuracy": [0.5, 0.75], "loss": [2, 1]}))
    assert table(collect(run)) == [["accuracy", "loss"], [0.5, 2], [0.75, 1]]


def test_several_files_share_one_table(tmp_path: Path) -> None:
    files = ["train.csv", "val.csv", "more.jsonl"]
    run = command_run(tmp_path / "run", "completed", files=files, columns={"val/loss": "val_loss"})
    write(run, "train.csv", "epoch;loss\n0;1,5\n")
    assert table(collect(run)) == [["epoch", "loss"], [0, 1.5]]
    write(run, "val.csv", "Epoch,loss,note\n0,2.5,good\n")
    write(run, "more.jsonl", '{"epoch": 0, "f1": NaN}\n')
    expected = [["epoch", "train/loss", "val_loss", "note", "f1"], [0, 1.5, *[None] * 3], [0, None, 2.5, None, None]]
    assert table(collect(run))[:3] == expected


def test_what_was_collected_stays_when_the_program_deletes_its_files(tmp_path: Path) -> None:
    run = command_run(tmp_path / "run", "completed")
    path = write(run, "checkpoint-10/trainer_state.json", json.dumps({"log_history": HISTORY}))
    before = table(collect(run))
    path.unlink()
    assert table(collect(run)) == before


def test_a_missing_declared_file_is_said(tmp_path: Path) -> None:
    run = command_run(tmp_path / "run", files=["results.csv", "*.jsonl"])
    found = RunMetrics(tmp_path / "scraped").collect(run)
    assert (found.file, found.problem) == (None, "No file matches results.csv, *.jsonl in output/ yet")
    ended = command_run(tmp_path / "run", "completed", files=["results.csv"])
    assert collect(ended).problem == "No file matches results.csv in output/"


def test_an_unreadable_file_is_said(tmp_path: Path) -> None:
    run = command_run(tmp_path / "run", "completed", files=["a.jsonl", "b.jsonl"])
    write(run, "a.jsonl", "rubbish\n")
    write(run, "b.jsonl", '{"loss": 1}\n')
    found = collect(run)
    assert table(found) == [["loss"], [1]]
    assert str(found.problem).startswith("a.jsonl: ")


def test_rows_that_are_still_missing_are_said(tmp_path: Path) -> None:
    run = command_run(tmp_path / "run", "completed")
    write(run, "metrics.jsonl", '{"step": 1}\n' * 100_000)
    found = RunMetrics(tmp_path / "scraped").collect_all(run, 0)
    assert 1 < len(table(found)) < 100_000
    assert "still being collected" in str(found.problem)
    assert collect(run).problem is None


def test_nothing_is_written_into_a_folder_that_is_not_ours(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "model"
    (folder / "checkpoint-20").mkdir(parents=True)
    (folder / "checkpoint-20" / "trainer_state.json").write_text(json.dumps({"log_history": HISTORY}))
    run = Run(RunDir(folder), "unknown", None, {})
    found = RunMetrics(tmp_path / "scraped").collect_all(run, 10)
    assert len(table(found)) == 3
    assert files_in(folder) == ["checkpoint-20/trainer_state.json"]
    assert files_in(tmp_path / "scraped" / "model") == ["scraped.csv", "scraped.json", "scraped.lock"]


def test_a_folder_with_the_name_of_an_earlier_one_has_its_own_metrics(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "model"
    folder.mkdir(parents=True)
    run, metrics = Run(RunDir(folder), "unknown", None, {}), RunMetrics(tmp_path / "scraped")
    (folder / "trainer_state.json").write_text(json.dumps({"log_history": HISTORY}))
    metrics.collect_all(run, 10)
    (folder / "trainer_state.json").unlink()
    assert metrics.collect_all(run, 10).file is None
    (folder / "metrics.csv").write_text("step\n7\n")
    assert table(metrics.collect_all(run, 10)) == [["step"], [7]]
    metrics.forget("model")
    assert files_in(tmp_path / "scraped") == []


def test_patterns_make_rows_of_the_log(tmp_path: Path) -> None:
    patterns = [r"epoch (?P<epoch>\d+)", r"loss=(?P<train_loss>\S+)", r"acc=(?P<val_acc>\S+)"]
    run = command_run(tmp_path / "run", "completed", patterns, columns={"train/loss": "loss"})
    run.directory.log.write_text("epoch 1\nloss=0.5\nepoch 2\nloss=high\n")
    found = collect(run)
    assert table(found) == [["epoch", "loss"], [1, 0.5], [2, None]]
    assert found.problem == r"log: no line matches 'acc=(?P<val_acc>\\S+)'"
    assert files_in(run.directory.path) == ["run.json", "scraped.csv", "scraped.json", "scraped.lock", "train.log"]


def test_a_log_has_rows_beside_those_of_a_file(tmp_path: Path) -> None:
    run = command_run(tmp_path / "run", "completed", [r"loss=(?P<loss>\S+)"])
    write(run, "metrics.csv", "epoch,loss\n1,0.5\n")
    run.directory.log.write_text("loss=0.25\n")
    assert table(collect(run)) == [["epoch", "metrics/loss", "log/loss"], [1, 0.5, None], [None, None, 0.25]]


def test_declared_counters_are_the_same_in_all_files(tmp_path: Path) -> None:
    run = command_run(tmp_path / "run", "completed", files=["*.tsv"], columns={"iter": "step"})
    write(run, "learn.tsv", "iter\tscore\n0\t0.5\n")
    write(run, "test.tsv", "iter\tscore\n0\t0.25\n")
    assert table(collect(run)) == [["step", "learn/score", "test/score"], [0, 0.5, None], [0, None, 0.25]]


def test_a_column_without_a_name_can_be_renamed(tmp_path: Path) -> None:
    run = command_run(tmp_path / "run", "completed", columns={"column 1": "epoch", "loss.1": "val/loss"})
    write(run, "metrics.csv", ",loss,loss\n0,1.5,2.5\n")
    assert table(collect(run)) == [["epoch", "loss", "val/loss"], [0, 1.5, 2.5]]


def test_green_threads_and_real_ones_may_ask_at_the_same_time(tmp_path: Path) -> None:
    """Eventlet's own locks wake nobody in another thread."""
    asked = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FIND_IN_MANY_THREADS, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr


FIND_IN_MANY_THREADS = """
import eventlet; eventlet.monkey_patch()
import sys
from pathlib import Path
from eventlet import sleep, spawn, tpool
from app.runs.collect.runmetrics import RunMetrics
from app.runs.store.run import Run
from trainer.rundir import RunDir
sys.setswitchinterval(1e-6)
folder = Path(sys.argv[1])
metrics, run = RunMetrics(folder / "scraped"), Run(RunDir(folder), "unknown", None, {})

def find_often(pause=lambda: None):
    for _ in range(100):
        metrics.find(run)
        pause()

threads = [spawn(tpool.execute, find_often) for _ in range(4)] + [spawn(find_often, sleep)]
with eventlet.Timeout(60):
    for thread in threads:
        thread.wait()
"""
