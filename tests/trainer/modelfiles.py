"""The files of an untrained model, to test what follows a training without running one."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tests.trainer.classifiers import untrained
from tests.trainer.trainings import request_for
from trainer.batches.datamodule import ImageDataModule
from trainer.batches.samplers import Position
from trainer.experiment import experiment
from trainer.fit.module import Classifier
from trainer.model.modelfiles import ModelFiles
from trainer.network import network
from trainer.progress import ProgressFile
from trainer.rundir import RunDir
from trainer.stopping import Stop

MODELS: dict[str, dict[str, Any]] = {
    "resnet": {
        "architecture": "ResNetForImageClassification",
        "config": {"embedding_size": 8, "hidden_sizes": [16], "depths": [1], "layer_type": "basic"},
    },
    "vit": {
        "architecture": "ViTForImageClassification",
        "config": {
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "patch_size": 4,
        },
    },
    "convnext": {
        "architecture": "ConvNextForImageClassification",
        "config": {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2, "patch_size": 2},
    },
}


@dataclass
class Untrained:
    """A model with random weights for `data`. It writes its files into `folder`, as a training does at its end."""

    folder: Path
    data: Path
    model: str
    export: dict[str, Any]
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.run = RunDir(self.folder / "run")
        self.run.checkpoints.mkdir(parents=True)
        self.progress = ProgressFile(self.run, 1)
        sections = {"image_size": 8, "channels": 1, "batch_size": 3}
        loaded = experiment.parse({"model": MODELS[self.model], "data": sections, "export": self.export})
        self.request = request_for(self.run, loaded, self.data)
        splits = self.request.splits
        self.data_module = ImageDataModule(splits, loaded.data, 0, Position())
        torch.manual_seed(0)
        net = network.build(loaded.model, loaded.data, splits["train"].class_names)
        self.module = Classifier(net, loaded, [0.4], [0.3], untrained(loaded))

    def write(self, stop: Stop | None = None, **test_metrics: float) -> dict[str, Any]:
        """Write the model's files and return its card."""
        with warnings.catch_warnings():
            # `python -m trainer` ignores these warnings too.
            warnings.filterwarnings("ignore", module=r"(lightning|torch|onnxscript|copyreg)(\..*)?$")
            return self.files(stop).write(self.module, self.run.checkpoints / "epoch_000.ckpt", {}, test_metrics)

    def files(self, stop: Stop | None = None) -> ModelFiles:
        """Return the writer of the model's files."""
        return ModelFiles(self.request, self.data_module, self.progress, stop or Stop(self.run.stop), self.lines.append)
