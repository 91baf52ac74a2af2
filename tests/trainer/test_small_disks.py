"""Trainings with a small /dev/shm or temporary folder, as in containers, each in its own mount namespace."""

from __future__ import annotations

import gc
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from torch.utils.data import DataLoader

from tests.trainer.trainings import ROOT
from trainer.batches.datamodule import ImageDataModule
from trainer.batches.images import Batch
from trainer.batches.samplers import Position
from trainer.experiment.data import Data
from trainer.preparation.images import find_split
from trainer.reasons import reason_of
from trainer.rundir import RunDir, read_json

UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"]


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    mount = ["mount", "-t", "tmpfs", "tmpfs", "/dev/shm"]
    return subprocess.run([*UNSHARE, *mount], capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not can_mount(), reason="this user cannot mount a file system")


def train(config: Path, data: Path, home: Path, *options: str, small: str, kilobytes: int) -> tuple[int, str]:
    """Train with a tmpfs of this size mounted at `small`, and return the exit code and the log."""
    folders = [f"--{split}-data-dir={data / split}" for split in ("train", "val", "test")]
    arguments = [str(config), f"--run-dir={home / 'run'}", f"--cache-dir={home / 'cache'}", *folders, *options]
    script = f'mount -t tmpfs -o size={kilobytes}k tmpfs "{small}" && exec "$@"'
    command = [*UNSHARE, "sh", "-c", script, "sh", sys.executable, "-m", "trainer", *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


@pytest.mark.slow
def test_a_full_shared_memory_ends_the_training(tiny: Path, squares: Path, tmp_path: Path) -> None:
    options = ["--set=data.num_workers=1", "--set=data.image_size=300", "--set=data.cache=false"]
    code, log = train(tiny, squares, tmp_path, *options, small="/dev/shm", kilobytes=500)
    assert code == 1
    reason = log.splitlines()[-1]
    assert reason.startswith("error: ")
    assert "/dev/shm" in reason
    assert "data.num_workers" in reason


@pytest.mark.slow
def test_a_training_does_not_need_the_temporary_folder(
    tiny: Path, squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    monkeypatch.setenv("TMPDIR", str(small))
    options = ["--set=trainer.max_epochs=1", "--set=export.variants=[int8]"]
    code, log = train(tiny, squares, tmp_path, *options, small=str(small), kilobytes=20)
    assert code == 0, log
    card = read_json(RunDir(tmp_path / "run").card)
    assert card is not None
    assert "error" not in card["variants"][0]


@pytest.mark.slow
def test_a_temporary_folder_whose_path_is_too_long_for_a_socket_is_reported(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    splits = dict.fromkeys(("train", "val", "test"), find_split("train", squares / "train"))
    batches = ImageDataModule(splits, Data(image_size=8, channels=1, num_workers=1), 0, Position())
    reason = reason_without_batch(batches.train_dataloader()) or ""
    assert str(folder) in reason
    assert "TMPDIR" in reason
    assert "data.num_workers" in reason


def reason_without_batch(loader: DataLoader[Batch]) -> str | None:
    """Return why the loader yields no batch. Its processes end when the last reference to it is gone."""
    try:
        next(iter(loader))
    except OSError as error:
        return reason_of(error, None)
    finally:
        gc.collect()
    return None
