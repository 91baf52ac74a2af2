from __future__ import annotations

from pathlib import Path

from app.runs.executors.local.launcher import trainer_program
from trainer.rundir import RunDir


def test_our_trainer_keeps_decoded_images_beside_the_run_directories(tmp_path: Path) -> None:
    request = dict.fromkeys(("config_name", "train_data_dir", "val_data_dir", "test_data_dir", "model_name"), "x")
    argv = trainer_program(RunDir(tmp_path / "train" / "runs" / "2026"), request, None, 30.0)["argv"]
    assert f"--cache-dir={tmp_path / 'train' / 'cache'}" in argv


def test_no_value_becomes_an_option_of_our_trainer(tmp_path: Path) -> None:
    request = dict.fromkeys(("config_name", "train_data_dir", "val_data_dir", "test_data_dir", "model_name"), "--help")
    argv = trainer_program(RunDir(tmp_path / "-runs" / "-1"), request, None, 30.0)["argv"]
    assert "--help" not in argv
    assert "--model-name=--help" in argv
