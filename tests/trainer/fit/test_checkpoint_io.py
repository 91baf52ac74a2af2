from __future__ import annotations

from pathlib import Path

import pytest

from tests.trainer.classifiers import untrained
from tests.trainer.limits import files_of_at_most_1000_bytes
from trainer.experiment.experiment import parse
from trainer.fit.checkpoint_io import copy_checkpoint
from trainer.fit.resume import EarlierRun, copy_checkpoints
from trainer.rundir import RunDir

STATE = untrained(parse({"model": {"class_path": "a.B"}}))


@pytest.fixture
def earlier(tmp_path: Path) -> RunDir:
    run = RunDir(tmp_path / "earlier")
    run.checkpoints.mkdir(parents=True)
    for name, size in (("last.json", 10), ("epoch_001.ckpt", 20), ("last.ckpt", 2000)):
        (run.checkpoints / name).write_bytes(b"x" * size)
    return run


def test_a_resumed_run_has_the_checkpoints_of_the_earlier_one(earlier: RunDir, tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    copy_checkpoints(EarlierRun(earlier, STATE, "epoch_001.ckpt", []), run)
    sizes = {path.name: path.stat().st_size for path in run.checkpoints.iterdir()}
    assert sizes == {"last.json": 10, "epoch_001.ckpt": 20, "last.ckpt": 2000}


def test_a_full_disk_leaves_no_part_of_a_checkpoint(earlier: RunDir, tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    with files_of_at_most_1000_bytes(), pytest.raises(OSError, match="File too large") as raised:
        copy_checkpoints(EarlierRun(earlier, STATE, "epoch_001.ckpt", []), run)
    assert raised.value.filename == str(run.last_checkpoint)
    assert {path.name for path in run.checkpoints.iterdir()} == {"last.json", "epoch_001.ckpt"}


def test_a_copy_replaces_the_target_and_is_independent_of_the_source(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"new")
    target.write_bytes(b"older")
    copy_checkpoint(source, target)
    source.write_bytes(b"changed")
    assert target.read_bytes() == b"new"
    assert {path.name for path in tmp_path.iterdir()} == {"source", "target"}
