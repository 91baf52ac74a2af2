"""The numbers in progress.json."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from trainer.progress import ProgressFile
from trainer.rundir import RunDir, read_json


def test_excluded_time_changes_neither_the_speed_nor_the_time_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    run = RunDir(tmp_path)
    progress = ProgressFile(run, max_epochs=1)
    progress.total_steps = 4
    progress.begin_fit(epoch=0, step=0, num_batches=4)
    now_s += 1
    progress.count_batch(1, 8, step=1)
    now_s += 20
    progress.exclude(20)
    now_s += 1
    progress.count_batch(2, 8, step=2)
    written = read_json(run.progress)
    assert written is not None
    assert (written["samples_per_s"], written["eta_s"]) == (8.0, 2.0)
