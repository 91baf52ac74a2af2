"""Trainings started as users do: in their own processes, with real images and run directories."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.trainer.preloaded import Preloaded, PreloadedProcess
from trainer.dataset.splits import SPLITS
from trainer.experiment.experiment import Experiment
from trainer.preparation.images import find_splits
from trainer.request import Request
from trainer.rundir import RunDir, read_json

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENTS = ROOT / "configs" / "experiment"

TINY = """
model:
  architecture: ResNetForImageClassification
  config: {embedding_size: 8, hidden_sizes: [8], depths: [1], layer_type: basic}
data: {image_size: 8, channels: 1, batch_size: 8}
trainer: {max_epochs: 3, log_every_n_steps: 2, cpu_threads: 1}
"""

OWN_NETWORK = """
import torch

class TwoParts(torch.nn.Module):
    def __init__(self, num_classes, channels, width=4):
        super().__init__()
        self.backbone = torch.nn.Sequential(torch.nn.Conv2d(channels, width, 3), torch.nn.BatchNorm2d(width))
        self.head = torch.nn.Linear(width, num_classes)

    def forward(self, images):
        return self.head(self.backbone(images).relu().mean((2, 3)))
"""


@dataclass
class Trained:
    """The run directory and the log of a training."""

    run: RunDir
    log_path: Path

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    @property
    def last_line(self) -> str:
        return self.log.rstrip("\n").rpartition("\n")[2]

    @property
    def progress(self) -> dict[str, Any]:
        return read_json(self.run.progress) or {}


@dataclass
class Started(Trained):
    """A training and its process."""

    process: subprocess.Popen[bytes] | PreloadedProcess

    def wait(self, timeout_s: float = 120) -> int:
        return self.process.wait(timeout_s)


@dataclass
class Launcher:
    """A launcher of trainings in folders below `home`. It kills those that a test leaves running."""

    home: Path
    preloaded: Preloaded | None = None
    """A process with torch already imported, which saves several seconds. None starts trainings as users do."""
    started: list[Started] = field(default_factory=list)

    def start(self, config: Path, data: Path, *options: str, name: str = "run", **environment: str) -> Started:
        run = RunDir(self.home / name)
        folders = [f"--{split}-data-dir={data / split}" for split in SPLITS if (data / split).exists()]
        cache = [f"--cache-dir={self.home / 'cache'}"]
        log_path = self.home / f"{name}.log"
        arguments = [str(config), f"--run-dir={run.path}", *cache, *folders, *options]
        self.started.append(Started(run, log_path, self._launch(arguments, os.environ | environment, log_path)))
        return self.started[-1]

    def _launch(
        self, arguments: list[str], environment: dict[str, str], log_path: Path
    ) -> subprocess.Popen[bytes] | PreloadedProcess:
        if self.preloaded is not None:
            return self.preloaded.start(arguments, environment, log_path)
        with open(log_path, "wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "trainer", *arguments],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
            )

    def train(self, config: Path, data: Path, *options: str, name: str = "run", **environment: str) -> Started:
        """Start a training and wait until it exits, with any exit code."""
        started = self.start(config, data, *options, name=name, **environment)
        started.wait()
        return started

    def end(self) -> None:
        for each in self.started:
            if each.process.poll() is None:
                each.process.kill()
            each.process.wait()


def write_config(folder: Path, text: str) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def write_images(folder: Path, classes: dict[str, int], counts: tuple[int, int, int] = (20, 4, 4)) -> Path:
    """Write `counts` images per class into train, val and test: noise around each class's grey level."""
    noise = np.random.default_rng(0)
    for split, count in zip(("train", "val", "test"), counts, strict=True):
        for name, grey in classes.items():
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = np.clip(noise.normal(grey, 30, (8, 8)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{number}.png")
    return folder


def write_rotten_avif(path: Path) -> None:
    """Write an AVIF with a valid header and damaged pixels, for which Pillow raises RuntimeError."""
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)).save(path)
    content = path.read_bytes()
    start = content.index(b"mdat") + 4
    path.write_bytes(content[:start] + bytes(len(content) - start))


def read_rows(run: RunDir) -> list[dict[str, str]]:
    """Read the rows of metrics.csv without their empty values."""
    with open(run.metrics, newline="") as opened:
        return [{name: value for name, value in row.items() if value} for row in csv.DictReader(opened)]


def request_for(run: RunDir, experiment: Experiment, data: Path) -> Request:
    """Return a training's request, for tests of single steps."""
    return Request(
        run=run,
        experiment=experiment,
        config_name="a|b.yaml",
        model_name="things",
        dataset_name=data.name,
        splits=find_splits({split: data / split for split in SPLITS}),
        value_range=None,
        resume_from=None,
        cache_dir=run.path.parent / "cache",
        show_bar=False,
    )
