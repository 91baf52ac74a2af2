"""Trainings with a small /dev/shm or temporary folder, as in containers, each in its own mount namespace."""

from __future__ import annotations

import gc
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from torch.utils.data import DataLoader

from tests.trainer.preloaded import Preloaded
from tests.trainer.trainings import Launcher
from trainer.batches.datamodule import ImageDataModule
from trainer.batches.images import Batch
from trainer.batches.samplers import Position
from trainer.experiment.data import Data
from trainer.preparation.images import find_split
from trainer.reasons import reason_of
from trainer.rundir import read_json

UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"]


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    mount = ["mount", "-t", "tmpfs", "tmpfs", "/dev/shm"]
    return subprocess.run([*UNSHARE, *mount], capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not can_mount(), reason="this user cannot mount a file system")


@pytest.fixture(scope="module")
def small_tmp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("small")


@pytest.fixture(scope="module")
def preloaded(small_tmp: Path) -> Iterator[Preloaded]:
    """A process in a mount namespace with 500 kB of shared memory and a temporary folder of 20 kB."""
    mounts = ((500, "/dev/shm"), (20, small_tmp))
    script = " && ".join(f'mount -t tmpfs -o size={size_kb}k tmpfs "{folder}"' for size_kb, folder in mounts)
    made = Preloaded([*UNSHARE, "sh", "-c", f'{script} && exec "$@"', "sh"])
    yield made
    made.close()


@pytest.mark.slow
def test_a_full_shared_memory_ends_the_training(launcher: Launcher, tiny: Path, squares: Path) -> None:
    options = ["--set=data.num_workers=1", "--set=data.image_size=300", "--set=data.cache=false"]
    failed = launcher.train(tiny, squares, *options)
    assert failed.process.returncode == 1
    assert failed.last_line.startswith("error: ")
    assert "/dev/shm" in failed.last_line
    assert "data.num_workers" in failed.last_line


@pytest.mark.slow
def test_a_training_does_not_need_the_temporary_folder(
    launcher: Launcher, tiny: Path, squares: Path, small_tmp: Path
) -> None:
    options = ["--set=trainer.max_epochs=1", "--set=export.variants=[int8]"]
    done = launcher.train(tiny, squares, *options, TMPDIR=str(small_tmp))
    assert done.process.returncode == 0, done.log
    card = read_json(done.run.card)
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
