"""Datasets and a completed training, shared by many tests."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.trainer.preloaded import Preloaded
from tests.trainer.trainings import TINY, Launcher, Trained, write_config, write_images
from trainer.digits import prepare
from trainer.rundir import RunDir

os.environ["HF_HUB_OFFLINE"] = "1"  # The library reads this once, at import.


@pytest.fixture(scope="session")
def preloaded() -> Iterator[Preloaded]:
    made = Preloaded()
    yield made
    made.close()


@pytest.fixture
def launcher(tmp_path: Path, preloaded: Preloaded) -> Iterator[Launcher]:
    made = Launcher(tmp_path, preloaded)
    yield made
    made.end()


@pytest.fixture(scope="session")
def session_launcher(tmp_path_factory: pytest.TempPathFactory, preloaded: Preloaded) -> Iterator[Launcher]:
    made = Launcher(tmp_path_factory.mktemp("trainings"), preloaded)
    yield made
    made.end()


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Return a function that gives the folder of a name, which is made once for all workers of this test run."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def shared(name: str, make: Callable[[Path], object]) -> Path:
        folder, made = base / name, base / f"{name}.made"
        with open(base / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                make(folder)
                made.touch()
        return folder

    return shared


@pytest.fixture(scope="session")
def digits(shared_folder: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The digits dataset."""
    return shared_folder("digits", prepare)


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of two classes, dark and bright grey, with 40 train, 8 val and 8 test images."""
    return write_images(tmp_path_factory.mktemp("datasets") / "squares", {"dark": 60, "bright": 180})


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment that trains `squares` for 3 epochs of 5 batches within a second."""
    return write_config(tmp_path_factory.mktemp("configs"), TINY)


@pytest.fixture(scope="session")
def completed(shared_folder: Callable[[str, Callable[[Path], object]], Path], tiny: Path, squares: Path) -> Trained:
    """A completed tiny training, started as users do, for tests that only read its files."""

    def train(folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        options = ["--model-name=squares", "--config-name=tiny.yaml"]
        launcher = Launcher(folder)
        try:
            done = launcher.train(tiny, squares, *options, name="completed")
            assert done.process.returncode == 0, done.log
        finally:
            launcher.end()

    home = shared_folder("trained", train)
    return Trained(RunDir(home / "completed"), home / "completed.log")
