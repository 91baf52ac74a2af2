"""Unreadable images and images with more than 8 bits, from their files to the trained model."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

from tests.trainer.trainings import ROOT, Launcher, write_images
from trainer.dataset.invalid import DataInvalid
from trainer.dataset.splits import SPLITS
from trainer.experiment.data import Data
from trainer.preparation.images import find_splits
from trainer.preparation.prepare import Prepared, prepare
from trainer.rundir import read_json

TEN_BITS = 4
"""The factor from 8-bit values to 10-bit values."""


def deepen(data: Path, factor: float = TEN_BITS, dtype: Any = np.uint16) -> Path:
    """Store the same images as a camera with more bits would."""
    for path in data.rglob("*.png"):
        with Image.open(path) as image:
            values = (np.asarray(image, np.float64) * factor).astype(dtype)
        path.unlink()
        Image.fromarray(values).save(path.with_suffix(".tif"))
    return data


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_images(tmp_path / "data", {"dark": 60, "bright": 180})


def prepared(data: Path, lines: list[str] | None = None, **settings: Any) -> Prepared:
    splits = find_splits({split: data / split for split in SPLITS})
    folder = data.parent
    lines = [] if lines is None else lines
    return prepare(splits, Data(**settings), folder / "cache", folder / "names", lines.append, lambda *_: None)


def test_images_of_8_bits_need_no_value_range(data: Path) -> None:
    lines: list[str] = []
    assert prepared(data, lines).value_range is None
    assert lines == []


def test_the_value_range_covers_the_images_of_all_splits(data: Path) -> None:
    deepen(data)
    bright = data / "test" / "bright" / "flash.png"
    Image.fromarray(np.full((8, 8), 4000, np.uint16)).save(bright)
    assert prepared(data).value_range == (0, 4095)
    bright.unlink()
    assert prepared(data).value_range == (0, 1023)
    assert prepared(data, value_range=(0.0, 500.0)).value_range == (0, 500)


def test_images_that_would_become_one_grey_level_are_reported(data: Path) -> None:
    deepen(data)
    Image.fromarray(np.random.default_rng(0).uniform(0, 1, (8, 8)).astype(np.float32)).save(data / "val/dark/other.tif")
    lines: list[str] = []
    prepared(data, lines)
    assert lines[-1].startswith("warning: ")
    assert "1 image to a single grey level" in lines[-1]


def test_all_unreadable_images_are_listed_in_a_file_and_skipped_on_request(data: Path) -> None:
    for number in range(30):
        (data / "train" / "dark" / f"broken{number}.jpg").write_text("<html>")
    Image.new("L", (9, 9)).save(data / "test" / "dark" / "cut.bmp")
    os.truncate(data / "test" / "dark" / "cut.bmp", 1100)
    with pytest.raises(DataInvalid, match=r"30 images cannot be read: train/dark/broken0\.jpg.*data\.skip_unreadable"):
        prepared(data)
    found = prepared(data, skip_unreadable=True)
    assert {name: split.num_unreadable for name, split in found.splits.items()} == {"train": 30, "val": 0, "test": 1}
    assert len((data.parent / "names").read_text().splitlines()) == 31
    assert len(found.splits["train"]) == len(found.splits["train"].labels) == 40


def test_a_class_without_a_readable_image_ends_the_training(data: Path) -> None:
    for path in (data / "val" / "dark").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataInvalid, match=r"val: .* class dark "):
        prepared(data, skip_unreadable=True)


def test_a_training_on_10_bit_images_learns_and_its_model_reads_them(
    launcher: Launcher, tiny: Path, data: Path
) -> None:
    deepen(data)
    (data / "train" / "dark" / "broken.tif").write_bytes(b"")
    settings = ("data.skip_unreadable=true", "export.include_preprocessing=true", "trainer.max_epochs=12")
    started = launcher.train(tiny, data, *(f"--set={each}" for each in settings))
    assert started.process.poll() == 0, started.log
    card = read_json(started.run.card)
    assert card is not None
    assert card["test_metrics"]["test/acc"] == 1
    assert card["value_range"] == [0, 1023]
    assert [card["splits"][split]["num_unreadable"] for split in SPLITS] == [1, 0, 0]
    assert "Unreadable images were skipped: 1 train" in started.run.report_text.read_text()
    facts = {each.key: each.value for each in onnx.load(card["model_path"]).metadata_props}
    assert facts["value_range"] == "[0.0, 1023.0]"
    argv = [sys.executable, "-m", "trainer.predict", card["model_path"], str(data / "test")]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [name for _, name, _ in rows] == [Path(path).parent.name for path, _, _ in rows]
    other = data.parent / "fractions.tif"
    Image.fromarray(np.random.default_rng(0).uniform(0, 1, (8, 8)).astype(np.float32)).save(other)
    done = subprocess.run([*argv[:-1], str(other)], cwd=ROOT, capture_output=True, text=True)
    assert "single grey level" in done.stderr


@pytest.mark.parametrize("normalisation", ["", "--set=data.mean=[0.5] --set=data.std=[0.5]"])
def test_blank_images_end_a_training_at_its_start(
    launcher: Launcher, tiny: Path, data: Path, normalisation: str
) -> None:
    deepen(data, 1 / 255, np.float32)
    started = launcher.train(tiny, data, "--set=data.value_range=[0, 65535]", *normalisation.split())
    assert started.process.poll() == 1
    assert "the train images are blank" in started.last_line
    assert "data.value_range" in started.last_line
