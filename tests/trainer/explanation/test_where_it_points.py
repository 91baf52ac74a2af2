"""Do the heatmaps of a trained network point at the right place? Digits lie in a corner of a larger, noisy image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.trainer.trainings import Launcher, write_config
from trainer.dataset.splits import SPLITS
from trainer.model.session import OnnxModel
from trainer.rundir import read_json

SIDE, DIGIT_SIDE = 32, 12
DIGITS = ("0", "1", "2")

EXPERIMENT = """
model:
  architecture: ResNetForImageClassification
  config: {embedding_size: 16, hidden_sizes: [16, 32], depths: [1, 1], layer_type: basic}
data: {image_size: 32, channels: 1, batch_size: 32}
optimizer: {learning_rate: 0.003, weight_decay: 0.05}
trainer: {max_epochs: 6, cpu_threads: 1}
export: {explanation: true}
"""


@pytest.fixture(scope="module")
def corners(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each digit in two noisy images, somewhere in a quadrant. The file's name ends with the quadrant."""
    folder = tmp_path_factory.mktemp("datasets") / "corners"
    chance = np.random.default_rng(0)
    for path in sorted(path for digit in DIGITS for path in digits.glob(f"*/{digit}/*.png")):
        for number in range(2):
            pixels = chance.integers(0, 100, (SIDE, SIDE), np.uint8)
            quadrant = int(chance.integers(4))
            corner = SIDE // 2 * np.array(divmod(quadrant, 2))
            top, left = corner + chance.integers(0, SIDE // 2 - DIGIT_SIDE + 1, 2)
            place = pixels[top : top + DIGIT_SIDE, left : left + DIGIT_SIDE]
            np.maximum(place, np.asarray(Image.open(path).resize(place.shape, Image.Resampling.BILINEAR)), out=place)
            target = folder / path.relative_to(digits).parent / f"{path.stem}_{number}_{quadrant}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(target)
    return folder


@pytest.mark.slow
def test_most_of_the_heatmap_lies_in_the_quadrant_of_the_digit(
    launcher: Launcher, corners: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = launcher.start(write_config(tmp_path, EXPERIMENT), corners)
    assert done.wait(250) == 0, done.log
    card = read_json(done.run.card) or {}
    model = OnnxModel(Path(card["model_path"]))
    paths = sorted(path for split in SPLITS[1:] for path in (corners / split).glob("*/*.png"))
    heatmaps = model.run(np.stack([model.read(path) for path in paths])).heatmaps
    assert heatmaps is not None
    quadrants = heatmaps.reshape(len(paths), 2, 2, 2, 2).sum((2, 4)).reshape(len(paths), 4)  # grid 4x4
    shares = quadrants / quadrants.sum(1, keepdims=True)
    found = shares[np.arange(len(paths)), [int(path.stem[-1]) for path in paths]]
    is_largest, is_most = float((found == shares.max(1)).mean()), float((found > 0.5).mean())
    with capsys.disabled():
        print(
            f"\n{card['explanation']['method']}: accuracy {card['test_metrics']['test/acc']:.1%}."
            f" Of {len(paths)} images {is_largest:.1%} have the largest part of the heatmap in the digit's quadrant,"
            f" {is_most:.1%} more than half"
        )
    assert is_most >= 0.9
    assert card["test_metrics"]["test/acc"] > 0.9
