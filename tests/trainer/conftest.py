"""Datasets and a completed training, shared by many tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trainer.preloaded import Preloaded
from tests.trainer.trainings import TINY, Launcher, Started, write_config, write_images
from trainer.digits import prepare

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
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits dataset."""
    folder = tmp_path_factory.mktemp("datasets") / "digits"
    prepare(folder)
    return folder


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of two classes, dark and bright grey, with 40 train, 8 val and 8 test images."""
    return write_images(tmp_path_factory.mktemp("datasets") / "squares", {"dark": 60, "bright": 180})


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment that trains `squares` for 3 epochs of 5 batches within a second."""
    return write_config(tmp_path_factory.mktemp("configs"), TINY)


@pytest.fixture(scope="session")
def completed(tmp_path_factory: pytest.TempPathFactory, tiny: Path, squares: Path) -> Started:
    """A completed tiny training, started as users do, for tests that only read its files."""
    launcher = Launcher(tmp_path_factory.mktemp("completed"))
    return launcher.train(tiny, squares, "--model-name=squares", "--config-name=tiny.yaml", name="completed")


@pytest.fixture(scope="session")
def long_squares(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The squares with so many val and test images that each evaluation takes seconds."""
    folder = tmp_path_factory.mktemp("datasets") / "long"
    for split, times in (("train", 1), ("val", 300), ("test", 300)):
        for image in (squares / split).glob("*/*.png"):
            target = folder / split / image.parent.name
            target.mkdir(parents=True, exist_ok=True)
            for number in range(times):
                os.link(image, target / f"{image.stem}_{number}.png")
    return folder
