from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest
import torch

from tests.trainer.trainings import Launcher, Started, is_validating, read_rows, write_config
from tests.waiting import wait_until
from trainer.experiment.resumable import ResumeImpossible
from trainer.fit.checkpoints import BestAndLastCheckpoint
from trainer.fit.module import STATE_KEY
from trainer.fit.resume import load_earlier
from trainer.rundir import RunDir, read_json

VIT = """
model:
  architecture: ViTForImageClassification
  config: {hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 16, patch_size: 4,
           hidden_dropout_prob: 0.1}
data:
  image_size: 8
  channels: 1
  batch_size: 4
  sampling: balanced
  augmentation: {crop: 0.2, rotation_deg: 10, horizontal_flip: true, contrast: 0.2, erasing: 0.2}
  mixing: {mixup_alpha: 0.4, cutmix_alpha: 1.0}
loss: {label_smoothing: 0.1}
optimizer: {backbone_learning_rate: 0.0005}
trainer: {max_epochs: 12, ema_decay: 0.95, freeze_backbone_epochs: 4, log_every_n_steps: 3, cpu_threads: 1}
"""


def stop_when(launcher: Launcher, step: int, config: Path, data: Path, *options: str, name: str) -> Started:
    started = launcher.start(config, data, *options, name=name)
    wait_until(lambda: started.progress.get("step", 0) >= step, 60, lambda: started.log)
    started.process.send_signal(signal.SIGTERM)
    assert started.wait() == 128 + signal.SIGTERM, started.log
    return started


@pytest.mark.slow
def test_stopping_and_resuming_twice_changes_no_metric(launcher: Launcher, tmp_path: Path, squares: Path) -> None:
    # The experiment has dropout, augmentation, mixing and an EMA. The backbone is frozen at the first stop, one part
    # has a loader process, and both stops are within epochs. Every random number and every image has to be the same.
    config = write_config(tmp_path, VIT)
    whole = launcher.train(config, squares, name="whole")
    assert whole.process.returncode == 0, whole.log
    first = stop_when(launcher, 20, config, squares, name="first")
    second = stop_when(launcher, 60, config, squares, f"--resume-from={first.run.path}", name="second")
    options = [f"--resume-from={second.run.path}", "--set=data.num_workers=1"]
    third = launcher.train(config, squares, *options, name="third")
    assert third.process.returncode == 0, third.log
    stopped_at = torch.load(second.run.last_checkpoint, weights_only=True)["training"]["step"]
    assert 60 <= stopped_at < 120
    assert len(read_rows(first.run)) < len(read_rows(second.run)) < len(read_rows(third.run))
    assert read_rows(third.run) == read_rows(whole.run)
    assert third.progress["step"] == third.progress["total_steps"] == 120
    ended, uninterrupted = (torch.load(each.run.last_checkpoint, weights_only=True) for each in (third, whole))
    assert all(torch.equal(ended["state_dict"][name], each) for name, each in uninterrupted["state_dict"].items())
    weights = uninterrupted["state_dict"]["network.model.classifier.weight"]
    assert not torch.equal(uninterrupted["state_dict"]["ema.module.model.classifier.weight"], weights)
    assert [group["initial_lr"] for group in ended["optimizer_states"][0]["param_groups"]] == [0.001, 0.0005]


@pytest.mark.slow
def test_a_run_stopped_within_a_validation_repeats_it_on_resume(
    launcher: Launcher, tiny: Path, long_squares: Path
) -> None:
    options = ["--set=trainer.max_epochs=1", "--set=trainer.log_every_n_steps=5"]
    whole = launcher.start(tiny, long_squares, *options, name="whole")
    first = launcher.start(tiny, long_squares, *options, name="first")
    wait_until(lambda: is_validating(first), 60, lambda: first.log)
    first.process.send_signal(signal.SIGTERM)
    assert first.wait() == 128 + signal.SIGTERM
    assert not any("val/loss" in row for row in read_rows(first.run))
    second = launcher.train(tiny, long_squares, *options, f"--resume-from={first.run.path}", name="second")
    assert second.process.returncode == 0, second.log
    assert whole.wait() == 0
    assert read_rows(second.run) == read_rows(whole.run)


@pytest.mark.slow
def test_a_killed_run_resumes_at_its_last_epoch_without_duplicate_rows(
    launcher: Launcher, tmp_path: Path, squares: Path
) -> None:
    config = write_config(tmp_path, VIT)
    killed = launcher.start(config, squares, name="killed")
    wait_until(lambda: killed.progress.get("step", 0) >= 50, 60, lambda: killed.log)
    killed.process.kill()
    killed.wait()
    resumed = launcher.train(config, squares, f"--resume-from={killed.run.path}", name="resumed")
    assert resumed.process.returncode == 0, resumed.log
    rows = [(row["step"], name) for row in read_rows(resumed.run) for name in ("val/loss", "train/acc") if name in row]
    expected = [(str(10 * epoch + 9), name) for epoch in range(12) for name in ("val/loss", "train/acc")]
    assert rows == expected


@pytest.mark.slow
def test_the_earlier_best_checkpoint_stays_the_best_if_no_epoch_improves(
    launcher: Launcher, completed: Started, tiny: Path, squares: Path
) -> None:
    # At this learning rate every later epoch is worse.
    options = ["--set=trainer.max_epochs=4", "--set=optimizer.learning_rate=10", f"--resume-from={completed.run.path}"]
    done = launcher.train(tiny, squares, *options)
    assert done.process.returncode == 0, done.log
    earlier, card = read_json(completed.run.card), read_json(done.run.card)
    assert earlier is not None
    assert card is not None
    assert card["checkpoint"] == earlier["checkpoint"]
    assert card["test_metrics"] == earlier["test_metrics"]
    assert card["train_metrics"] == earlier["train_metrics"]
    rows = read_rows(done.run)
    assert [row for row in rows if "test/acc" in row] == rows[-1:]
    assert sum(1 for row in rows if "val/loss" in row) == 4
    assert float(next(row["lr"] for row in rows if row["epoch"] == "3")) > 1e-3


@pytest.mark.slow
def test_another_batch_size_changes_the_rest_of_the_schedule(
    launcher: Launcher, completed: Started, tiny: Path, squares: Path
) -> None:
    # 15 steps in three epochs are done. The next three epochs have 3 steps each instead of 5.
    options = ["--set=trainer.max_epochs=6", "--set=data.batch_size=16", f"--resume-from={completed.run.path}"]
    done = launcher.train(tiny, squares, *options)
    assert done.process.returncode == 0, done.log
    assert done.progress["step"] == done.progress["total_steps"] == 24
    rates = [float(row["lr"]) for row in read_rows(done.run) if row.get("epoch") in ("3", "4", "5") and "lr" in row]
    assert rates == sorted(rates, reverse=True)
    assert 0 < rates[-1] < rates[0] / 10


@pytest.mark.slow
def test_resuming_a_finished_training_only_tests_and_exports(
    launcher: Launcher, completed: Started, tiny: Path, squares: Path
) -> None:
    options = ["--set=export.opset=19", f"--resume-from={completed.run.path}"]
    done = launcher.train(tiny, squares, *options)
    assert done.process.returncode == 0, done.log
    assert "nothing is left to train" in done.log
    earlier, card = read_json(completed.run.card) or {}, read_json(done.run.card) or {}
    assert card["opset"] == 19
    assert [card[name] for name in ("checkpoint", "test_metrics", "train_metrics")] == [
        earlier[name] for name in ("checkpoint", "test_metrics", "train_metrics")
    ]


def test_a_parameter_that_must_not_change_is_refused_before_the_training_starts(
    launcher: Launcher, completed: Started, tiny: Path, squares: Path
) -> None:
    options = ["--set=data.channels=3", "--set=trainer.max_epochs=4", f"--resume-from={completed.run.path}"]
    done = launcher.train(tiny, squares, *options)
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


def test_a_checkpoint_of_another_version_is_refused_with_its_path(completed: Started, tmp_path: Path) -> None:
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
    completed: Started, tmp_path: Path, best: object
) -> None:
    content = torch.load(completed.run.last_checkpoint, weights_only=True)
    content["callbacks"] = {BestAndLastCheckpoint.__qualname__: {"best": best}}
    earlier = RunDir(tmp_path)
    earlier.checkpoints.mkdir()
    torch.save(content, earlier.last_checkpoint)
    assert load_earlier(earlier).best_name is None
