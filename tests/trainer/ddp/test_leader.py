"""Trainings with two ranks on the CPU: the results of one rank, common decisions, and no rank that waits forever."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch

from tests.live.processes import is_gone
from tests.trainer.trainings import ROOT, Launcher, Started, read_rows, write_config, write_images
from tests.waiting import wait_until
from trainer.rundir import read_json

NETWORK = """
import os
import signal
import time
import torch

def to_slow_disk(descriptor):
    time.sleep(0.7)

class Small(torch.nn.Module):
    '''A network without batch norm, which each CPU rank computes alone. Environment variables make it stop or fail.'''

    def __init__(self, num_classes, channels, dropout=0.0):
        super().__init__()
        self.backbone = torch.nn.Sequential(torch.nn.Conv2d(channels, 4, 3), torch.nn.ReLU(), torch.nn.Dropout(dropout))
        self.head = torch.nn.Linear(4 * 36, num_classes)
        self.count = 0

    def forward(self, images):
        self.count += self.training
        if torch.distributed.is_initialized() and self.training:
            rank = torch.distributed.get_rank()
            if self.count == int(os.environ.get("SLOW_FROM", 0)):
                os.fsync = to_slow_disk
            if rank == 0 and self.count == int(os.environ.get("STOP_AT", 0)):
                os.kill(os.getpid(), signal.SIGTERM)
            if rank == 1 and self.count == int(os.environ.get("FAIL_AT", 0)):
                raise RuntimeError("this batch is too large")
        return self.head(self.backbone(images).flatten(1))
"""

PLAIN = """
model: {class_path: small_network.Small}
data: {image_size: 8, channels: 1, batch_size: 8}
optimizer: {backbone_learning_rate: 0.0005}
trainer: {devices: [0, 1], max_epochs: 3, freeze_backbone_epochs: 1, ema_decay: 0.9, log_every_n_steps: 1}
"""
RANDOM = """
model: {class_path: small_network.Small, init_args: {dropout: 0.2}}
data:
  image_size: 8
  channels: 1
  batch_size: 8
  sampling: balanced
  augmentation: {rotation_deg: 10, horizontal_flip: true}
  mixing: {mixup_alpha: 0.4}
trainer: {devices: [0, 1], max_epochs: 3, ema_decay: 0.9, log_every_n_steps: 1}
"""


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """42 train, 7 val and 7 test images, and the network's module."""
    folder = write_images(tmp_path_factory.mktemp("datasets") / "uneven", {"dark": 60, "bright": 180}, (21, 4, 4))
    for split in ("val", "test"):
        (folder / split / "dark" / "0.png").unlink()
    (folder / "small_network.py").write_text(NETWORK)
    return folder


def file_names(started: Started) -> list[str]:
    names = (path.relative_to(started.run.path).as_posix() for path in started.run.path.rglob("*") if path.is_file())
    return sorted(name for name in names if "epoch_" not in name)


def first_words(started: Started) -> list[str]:
    """Return the first word of each line of the log, except those about the image cache."""
    return [line.partition(" ")[0] for line in started.log.splitlines() if not line.startswith("decoding")]


@pytest.mark.slow  # with a slow disk, the other rank exits long before the leader
def test_two_ranks_give_the_metrics_and_files_of_a_single_process(
    launcher: Launcher, tmp_path: Path, uneven: Path
) -> None:
    config = write_config(tmp_path, PLAIN)
    alone = launcher.train(config, uneven, "--set=trainer.devices=[0]", name="alone", PYTHONPATH=str(uneven))
    together = launcher.train(config, uneven, name="together", PYTHONPATH=str(uneven), SLOW_FROM="18")
    assert alone.process.returncode == 0, alone.log
    assert together.process.returncode == 0, together.log
    for of_one, of_two in zip(read_rows(alone.run), read_rows(together.run), strict=True):
        assert set(of_two) == set(of_one)
        for name, value in of_one.items():
            assert math.isclose(float(of_two[name]), float(value), rel_tol=1e-4, abs_tol=1e-6), (of_one, of_two)
    assert file_names(together) == file_names(alone)
    assert first_words(together) == first_words(alone), together.log
    assert together.progress == alone.progress
    one, two = (read_json(each.run.result) or {} for each in (alone, together))
    assert (two["epochs"], two["steps"]) == (one["epochs"], one["steps"]) == (3, 18)


@pytest.mark.slow
def test_both_ranks_stop_at_the_same_batch_and_a_resume_continues_there(
    launcher: Launcher, tmp_path: Path, uneven: Path
) -> None:
    config = write_config(tmp_path, RANDOM)
    whole = launcher.train(config, uneven, name="whole", PYTHONPATH=str(uneven))
    first = launcher.train(config, uneven, name="first", PYTHONPATH=str(uneven), STOP_AT="8", SLOW_FROM="8")
    assert first.process.returncode == 128 + signal.SIGTERM, first.log
    for name in ("epoch_000.ckpt", "last.ckpt", "classification_model.json"):
        assert name in first.last_line
    assert 8 <= torch.load(first.run.last_checkpoint, weights_only=True)["training"]["step"] < 12
    second = launcher.train(config, uneven, f"--resume-from={first.run.path}", name="second", PYTHONPATH=str(uneven))
    assert second.process.returncode == 0, second.log
    assert whole.process.returncode == 0, whole.log
    assert read_rows(second.run) == read_rows(whole.run)
    options = (f"--resume-from={first.run.path}", "--set=trainer.devices=[0]")
    alone = launcher.train(config, uneven, *options, name="alone", PYTHONPATH=str(uneven))
    assert alone.process.returncode == 0, alone.log
    assert [row.get("step") for row in read_rows(alone.run)] == [row.get("step") for row in read_rows(whole.run)]


@pytest.mark.slow
def test_a_failing_rank_ends_the_training_with_its_reason(launcher: Launcher, tmp_path: Path, uneven: Path) -> None:
    config = write_config(tmp_path, PLAIN)
    failed = launcher.train(config, uneven, PYTHONPATH=str(uneven), FAIL_AT="3", COLD_RANKS="1")
    assert failed.process.returncode == 1
    assert failed.last_line.startswith("error: RuntimeError: this batch is too large")
    assert "small_network.py, line 28" in failed.last_line
    assert failed.log.count("Traceback") == failed.log.count('small_network.py", line') == 1, failed.log


# without a training: the second rank is still importing torch

LEADER = """
import sys, threading
from trainer.ddp.leader import Ranks
with Ranks(2):
    print("started", flush=True)
    threading.Event().wait(60)
"""


@pytest.fixture
def leader() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", LEADER], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


def second_of(leader: subprocess.Popen[str]) -> psutil.Process:
    (second,) = psutil.Process(leader.pid).children()
    return second


def test_a_killed_rank_ends_the_leader(leader: subprocess.Popen[str]) -> None:
    second_of(leader).kill()
    _, errors = leader.communicate(timeout=30)  # the leader itself would wait for 60 seconds
    assert leader.returncode == 1
    assert "rank 1" in errors
    assert "killed by SIGKILL" in errors


def test_ranks_end_with_a_killed_leader_and_ignore_its_signals(leader: subprocess.Popen[str]) -> None:
    second = second_of(leader)
    ignored = signal.SIGTERM, signal.SIGINT
    wait_until(lambda: all(_ignores(second, number) for number in ignored), 10)
    leader.kill()
    leader.communicate(timeout=30)
    wait_until(lambda: is_gone(second), 5)


def _ignores(process: psutil.Process, number: int) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    (mask,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigIgn"))
    return bool(int(mask, 16) >> (number - 1) & 1)
