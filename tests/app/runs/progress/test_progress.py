"""The progress of a run, from whichever file tells it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.runs.collect.runmetrics import RunMetrics
from app.runs.progress.logprogress import LAST_BYTES, LogProgress
from app.runs.progress.progress import RunProgress
from app.runs.store.run import Run
from tests.app.written import write_json, write_metrics, write_run
from trainer.rundir import RunDir

BAR = b"\rEpoch 2/4: 50%|##  | 5/10 [00:04<00:04, 1.2it/s]"
METRICS = "epoch,step,loss\n1,10,0.5\n2,20,0.4\n,,0.3\n"


def read(run: Path, state: str = "running", **_: Any) -> dict[str, Any] | None:
    progress = RunProgress(RunMetrics(run.parent / "scraped").find_csv).read(Run(RunDir(run), state, None, {}))
    return progress and {name: value for name, value in progress.items() if value is not None}


def test_without_anything_the_progress_is_unknown(tmp_path: Path) -> None:
    assert read(write_run(tmp_path, "a")) is None
    assert read(write_run(tmp_path, "b", log=b"begin\n", metrics="loss\n0.5\n"), "completed") is None


def test_progress_json_alone_counts(tmp_path: Path) -> None:
    content = {"epoch": 3, "max_epochs": 10, "step": 35, "total_steps": 100, "eta_s": 6.5}
    run = write_run(tmp_path, "a", log=BAR, metrics=METRICS, progress=json.dumps(content))
    assert read(run) == content | {"source": "progress.json", "scope": "training", "percent": 35}
    (run / "progress.json").write_text('{"epoch": 0.5, "max_epochs": 2}')
    assert (read(run) or {})["percent"] == 25
    (run / "progress.json").write_text('{"percent": 12.5, "step": 1, "total_steps": 2}')
    assert (read(run) or {})["percent"] == 12.5
    (run / "progress.json").write_text('{"percent": "half", "step": 1}')
    assert read(run) == {"source": "progress.json", "scope": "training", "step": 1}


def test_the_log_counts_before_the_metrics(tmp_path: Path) -> None:
    run = write_run(tmp_path, "a", log=BAR, metrics=METRICS)
    assert read(run) == {
        **{"source": "log", "scope": "training", "percent": 37.5, "eta_s": 20},
        **{"epoch": 2, "max_epochs": 4, "batch": 5, "num_batches": 10, "step": 20},
    }
    (run / "train.log").write_bytes(b"begin\n")
    assert read(run) == {"source": "metrics", "epoch": 2, "step": 20}


def test_a_bar_alone_says_nothing_of_a_stopped_run(tmp_path: Path) -> None:
    run = write_run(tmp_path, "a", log=b"Epoch 2\n\r100%|####| 2/2 [00:04<00:00, 1.2it/s]\n")
    assert (read(run) or {})["percent"] == 100
    assert "percent" not in (read(run, "stopped") or {})


def test_the_last_counters_of_a_long_file_are_found(tmp_path: Path) -> None:
    text = "epoch;step;loss\n" + "".join(f"{row / 1000};{row};0,5\n" for row in range(100_000)) + "100;100"
    assert read(write_run(tmp_path, "a", metrics=text)) == {"source": "metrics", "epoch": 99.999, "step": 99_999}


def test_a_file_that_is_no_table_has_no_counters(tmp_path: Path) -> None:
    for number, content in enumerate([b"", b"\xff\xfee\0", b"epoch", b"epoch\nx\n", b"a" * 300_000]):
        run = write_run(tmp_path, str(number))
        write_metrics(run, content)
        assert read(run) is None


def test_a_completed_run_is_at_100_percent(tmp_path: Path) -> None:
    run = write_run(tmp_path, "a", log=BAR)
    done = read(run, "completed") or {}
    assert (done["percent"], done["scope"], done.get("eta_s"), done["epoch"]) == (100, "training", None, 2)
    (run / "progress.json").write_text('{"step": 97, "total_steps": 100, "eta_s": 3}')
    assert read(run, "completed") == {
        **{"source": "progress.json", "scope": "training", "percent": 100},
        **{"step": 97, "total_steps": 100},
    }
    assert (read(run, "failed") or {})["percent"] == 97


def test_the_log_of_our_own_trainer_shows_no_progress(tmp_path: Path) -> None:
    run = write_run(tmp_path, "a", log=BAR, metrics=METRICS)
    write_json(run / "run.json", {"request": {}, "program": {"needs_result": True}})
    assert read(run) is None


def test_the_log_of_a_directory_that_is_not_ours_is_not_read(tmp_path: Path) -> None:
    run = write_run(tmp_path, "a", log=BAR, metrics=METRICS)
    (run / "run.json").unlink()
    assert read(run, "unknown") is None


@pytest.mark.parametrize("step", [1, 7, 100, LAST_BYTES])
def test_a_growing_log_is_read_on(tmp_path: Path, step: int) -> None:
    log, progress = tmp_path / "train.log", LogProgress()
    data = b"Epoch 1/4\n" + b"text\n" * 20 + "größe".encode() + BAR
    for end in range(step, len(data) + step, step):
        log.write_bytes(data[:end])
        last = progress.read(RunDir(tmp_path).file(log))
    assert last == LogProgress().read(RunDir(tmp_path).file(log))
    assert (last["epoch"], last["percent"]) == (2, 37.5)


def test_a_long_log_is_read_at_its_end(tmp_path: Path) -> None:
    log, progress = tmp_path / "train.log", LogProgress()
    file = RunDir(tmp_path).file(log)
    assert progress.read(file) == {}
    log.write_bytes(b"Epoch 1/4\n" + b"x" * 3 * LAST_BYTES + b"\n" + BAR)
    assert progress.read(file)["percent"] == 37.5
    log.write_bytes(b"Epoch 3/4\n")
    assert progress.read(file) == {"epoch": 3, "max_epochs": 4, "percent": 50, "scope": "training"}
