"""The trial export after the first step of a training, which detects early what would fail at its end."""

from __future__ import annotations

import copy
import time
from typing import Any

from lightning import Callback, LightningModule, Trainer

from trainer.fit.module import Classifier
from trainer.model.modelfiles import ModelFiles
from trainer.progress import ProgressFile
from trainer.stopping import Stop


class TrialExport(Callback):
    """After the first step, exports the network as it was before, and from then on lets a stop save the training.

    Not before the first step: an export takes from 1 s to 20 s, and a first step that fails, such as for too little GPU
    memory, should not come after it. Meanwhile loader processes load the next batches. Raises what
    ModelFiles.try_export does.
    """

    def __init__(self, files: ModelFiles, module: Classifier, progress: ProgressFile, stop: Stop) -> None:
        """`module` is on the CPU."""
        self._files = files
        self._untrained: Classifier | None = copy.deepcopy(module)  # The fit moves the module to its device.
        self._progress = progress
        self._stop = stop
        self._first_step = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._first_step = trainer.global_step

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        is_accumulating = trainer.global_step == self._first_step
        if self._untrained is None or is_accumulating:
            return
        self._progress.write()
        began_s = time.monotonic()
        self._files.try_export(self._untrained)
        self._progress.exclude(time.monotonic() - began_s)
        self._untrained = None
        self._stop.begin_keeping()
