from __future__ import annotations

import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainer.interrupted import interrupting
from tests.trainer.trainings import Launcher, Started, Trained, read_rows, write_config
from trainer.experiment.resumable import ResumeImpossible
from trainer.fit.checkpoints import BestAndLastCheckpoint
from trainer.fit.module import STATE_KEY
from trainer.fit.resume import load_earlier
from trainer.rundir import RunDir, read_json

RANDOM = """
model: {class_path: tests.trainer.interrupted.Interrupted, init_args: {dropout: 0.1}}
data:
  image_size: 8
  channels: 1
  batch_size: 4
  sampling: balanced
  augmentation: {crop: 0.2, rotation_deg: 10, horizontal_flip: true, contrast: 0.2, erasing: 0.2}
  mixing: {mixup_alpha: 0.4, cutmix_alpha: 1.0}
loss: {label_smoothing: 0.1}
optimizer: {backbone_learning_rate: 0.0005}
trainer: {max_epochs: 6, ema_decay: 0.95, freeze_backbone_epochs: 2, log_every_n_steps: 3, cpu_threads: 1}
"""
"""The backbone is frozen at the first stop. An epoch has 10 batches, and two of val images."""


@dataclass
class Interruptions:
    """The same training four times: once whole, and once in parts, each of which resumes the one before."""

    whole: Started
    stopped: Started
    """Within epoch 1."""
    validating: Started
    """Stopped within the validation of epoch 2."""
    killed: Started
    """Within epoch 4."""
    last: Started


@pytest.fixture(scope="module")
def runs(session_launcher: Launcher, tmp_path_factory: pytest.TempPathFactory, squares: Path) -> Interruptions:
    config = write_config(tmp_path_factory.mktemp("configs"), RANDOM)

    def train(name: str, expected: int, *interruption: tuple[str, int, str | None, int], options: Any = ()) -> Started:
        environment = interrupting(session_launcher.home / name, *interruption)
        done = session_launcher.train(config, squares, *options, name=name, **environment)
        assert done.process.returncode == expected, done.log
        return done

    stop, kill = signal.SIGTERM, signal.SIGKILL
    whole = train("whole", 0)
    stopped = train("stopped", 128 + stop, ("fit", 15, "save", stop))
    validating = train("validating", 128 + stop, ("validation", 3, "save", stop), options=resume(stopped))
    killed = train("killed", -kill, ("fit", 15, None, kill), options=resume(validating))
    # A loader process must not change the images.
    last = train("last", 0, options=[*resume(killed), "--set=data.num_workers=1"])
    return Interruptions(whole, stopped, validating, killed, last)


def resume(earlier: Started) -> list[str]:
    return [f"--resume-from={earlier.run.path}"]


@pytest.mark.slow
def test_stopping_and_resuming_changes_no_metric_and_no_weight(runs: Interruptions) -> None:
    # The experiment has dropout, augmentation, mixing and an EMA. Every random number and every image has to be the
    # same.
    assert [step_of(each) for each in (runs.stopped, runs.validating, runs.killed)] == [15, 30, 40]
    rows = [len(read_rows(each.run)) for each in (runs.stopped, runs.validating, runs.killed, runs.last)]
    assert rows == sorted(set(rows))
    assert read_rows(runs.last.run) == read_rows(runs.whole.run)
    assert runs.last.progress["step"] == runs.last.progress["total_steps"] == 60
    ended, uninterrupted = (torch.load(each.run.last_checkpoint, weights_only=True) for each in (runs.last, runs.whole))
    assert all(torch.equal(ended["state_dict"][name], each) for name, each in uninterrupted["state_dict"].items())
    weights = uninterrupted["state_dict"]["network.model.head.weight"]
    assert not torch.equal(uninterrupted["state_dict"]["ema.module.model.head.weight"], weights)
    assert [group["initial_lr"] for group in ended["optimizer_states"][0]["param_groups"]] == [0.001, 0.0005]


def step_of(ended: Started) -> int:
    return int(torch.load(ended.run.last_checkpoint, weights_only=True)["training"]["step"])


@pytest.mark.slow
def test_a_run_stopped_within_a_validation_repeats_it_on_resume(runs: Interruptions) -> None:
    assert validated_epochs(runs.validating) == ["0", "1"]
    assert validated_epochs(runs.killed) == ["0", "1", "2", "3"]


def validated_epochs(started: Started) -> list[str]:
    return [row["epoch"] for row in read_rows(started.run) if "val/loss" in row]


@pytest.mark.slow
def test_a_killed_run_resumes_at_its_last_epoch_without_duplicate_rows(runs: Interruptions) -> None:
    assert {row["epoch"] for row in read_rows(runs.killed.run)} == {"0", "1", "2", "3", "4"}
    found = [
        (row["step"], name) for row in read_rows(runs.last.run) for name in ("val/loss", "train/acc") if name in row
    ]
    assert found == [(str(10 * epoch + 9), name) for epoch in range(6) for name in ("val/loss", "train/acc")]


@pytest.fixture(scope="module")
def changed(session_launcher: Launcher, completed: Trained, tiny: Path, squares: Path) -> Started:
    """The completed training of 15 steps, resumed for 3 more epochs of 3 steps each instead of 5.

    At its learning rate every later epoch is worse.
    """
    settings = ["trainer.max_epochs=6", "data.batch_size=16", "optimizer.learning_rate=10"]
    options = [f"--set={each}" for each in settings]
    done = session_launcher.train(tiny, squares, *options, *resume(completed), name="changed")
    assert done.process.returncode == 0, done.log
    return done


@pytest.mark.slow
def test_the_earlier_best_checkpoint_stays_the_best_if_no_epoch_improves(completed: Trained, changed: Started) -> None:
    earlier, card = read_json(completed.run.card), read_json(changed.run.card)
    assert earlier is not None
    assert card is not None
    assert card["checkpoint"] == earlier["checkpoint"]
    assert card["test_metrics"] == earlier["test_metrics"]
    assert card["train_metrics"] == earlier["train_metrics"]
    rows = read_rows(changed.run)
    assert [row for row in rows if "test/acc" in row] == rows[-1:]
    assert sum(1 for row in rows if "val/loss" in row) == 6


@pytest.mark.slow
def test_other_values_change_the_rest_of_the_schedule(changed: Started) -> None:
    assert changed.progress["step"] == changed.progress["total_steps"] == 24
    rates = [float(row["lr"]) for row in read_rows(changed.run) if row.get("epoch") in ("3", "4", "5") and "lr" in row]
    assert rates == sorted(rates, reverse=True)
    assert 0 < rates[-1] < rates[0] / 10
    assert rates[0] > 1


@pytest.mark.slow
def test_resuming_a_finished_training_only_tests_and_exports(
    launcher: Launcher, completed: Trained, tiny: Path, squares: Path
) -> None:
    done = launcher.train(tiny, squares, "--set=export.opset=19", *resume(completed))
    assert done.process.returncode == 0, done.log
    assert "nothing is left to train" in done.log
    earlier, card = read_json(completed.run.card) or {}, read_json(done.run.card) or {}
    assert card["opset"] == 19
    assert [card[name] for name in ("checkpoint", "test_metrics", "train_metrics")] == [
        earlier[name] for name in ("checkpoint", "test_metrics", "train_metrics")
    ]


def test_a_parameter_that_must_not_change_is_refused_before_the_training_starts(
    launcher: Launcher, completed: Trained, tiny: Path, squares: Path
) -> None:
    done = launcher.train(tiny, squares, "--set=data.channels=3", "--set=trainer.max_epochs=4", *resume(completed))
    assert done.process.returncode == 1
    assert done.log.startswith("error: data.channels: ")
    assert done.log.count("\n") == 1
    assert not done.run.path.exists()


@pytest.mark.slow
def test_a_missing_checkpoint_is_refused_with_its_path(
    launcher: Launcher, tmp_path: Path, tiny: Path, squares: Path
) -> None:
    done = launcher.train(tiny, squares, f"--resume-from={tmp_path / 'earlier'}")
    assert done.process.returncode == 1
    assert done.log.startswith("error: ")
    assert done.log.endswith(f"{RunDir(tmp_path / 'earlier').last_checkpoint}\n")


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04", b".", b"e.", b"\x80\x02R."])
def test_a_damaged_checkpoint_is_refused_with_its_path(tmp_path: Path, content: bytes) -> None:
    earlier = RunDir(tmp_path)
    earlier.checkpoints.mkdir()
    earlier.last_checkpoint.write_bytes(content)
    with pytest.raises(ResumeImpossible, match=r"last\.ckpt"):
        load_earlier(earlier)


def test_a_checkpoint_of_another_version_is_refused_with_its_path(completed: Trained, tmp_path: Path) -> None:
    content = torch.load(completed.run.last_checkpoint, weights_only=True)
    del content[STATE_KEY]["experiment"]
    earlier = RunDir(tmp_path)
    earlier.checkpoints.mkdir()
    torch.save(content, earlier.last_checkpoint)
    with pytest.raises(ResumeImpossible, match=r"version.*last\.ckpt"):
        load_earlier(earlier)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    earlier = RunDir(tmp_path)
    earlier.checkpoints.mkdir()
    torch.save({"state_dict": shutil.rmtree}, earlier.last_checkpoint)
    with pytest.raises(ResumeImpossible, match="safetensors") as raised:
        load_earlier(earlier)
    assert "weights_only" not in str(raised.value)


@pytest.mark.parametrize("best", ["../secret", "/etc/passwd", 7, None])
def test_a_checkpoint_cannot_name_a_best_checkpoint_in_another_folder(
    completed: Trained, tmp_path: Path, best: object
) -> None:
    content = torch.load(completed.run.last_checkpoint, weights_only=True)
    content["callbacks"] = {BestAndLastCheckpoint.__qualname__: {"best": best}}
    earlier = RunDir(tmp_path)
    earlier.checkpoints.mkdir()
    torch.save(content, earlier.last_checkpoint)
    assert load_earlier(earlier).best_name is None
