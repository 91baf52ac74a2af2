"""The example programs in docs/examples that need no service."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from tests.app.onnxmodel import brightness_model
from tests.servers import ROOT


def draw(*arguments: Path) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, str(ROOT / "docs" / "examples" / "heatmap.py"), *map(str, arguments)]
    return subprocess.run(program, capture_output=True, text=True)


def test_a_consumer_draws_the_heatmap_over_the_right_place(tmp_path: Path) -> None:
    model, image, out = (tmp_path / name for name in ("model.onnx", "image.png", "out.png"))
    model.write_bytes(brightness_model())
    pixels = np.zeros((40, 80), np.uint8)
    pixels[:20, 40:] = 255  # The model's heatmap is the brightness itself.
    Image.fromarray(pixels).save(image)

    done = draw(model, image, out)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("dark\t0.")
    shown = np.asarray(Image.open(out), np.float32)
    assert shown.shape == (40, 80, 3)
    redness = np.abs(shown[..., 0] - shown[..., 1])
    assert redness[:8, 60:].min() > 100, "red lies over the bright corner"
    assert redness[32:, :20].max() < 10, "nothing lies over the opposite one"

    model.write_bytes(brightness_model(with_heatmap=False))
    done = draw(model, image, out)
    assert done.returncode == 1
    assert "export.explanation" in done.stderr
