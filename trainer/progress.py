"""progress.json: the progress of the training."""

from __future__ import annotations

import json
import time
from typing import Literal

from trainer.rundir import RunDir, replacing

MIN_INTERVAL_S = 0.2


class ProgressFile:
    """Write progress.json at most five times a second, and at the end of each phase and epoch.

    The epoch counts from 0, as in metrics.csv. `step` is the number of optimizer steps done. `total_steps` is 0 until
    it is known, after the libraries have loaded.
    """

    def __init__(self, run: RunDir, max_epochs: int) -> None:
        self._run = run
        self._phase: Literal["loading", "prepare", "fit", "test", "export"] = "fit"
        self._max_epochs = max_epochs
        self.total_steps = 0  # Until the batches are known.
        self._epoch = self._batch = self._num_batches = self._step = self._images = 0
        self._first_step = 0
        self._fit_began_s = self._epoch_began_s = time.monotonic()
        self._epoch_took_s = 0.0
        self._written_s = 0.0

    def count_prepared(self, done: int, total: int) -> None:
        """Before fit, count images that were read as batches. Each round over the images begins with `done` 0."""
        if done == 0:
            self.begin_phase("prepare", total)
        else:
            self.count_batch(done, done - self._batch, None)

    def begin_fit(self, epoch: int, step: int, num_batches: int) -> None:
        """`num_batches` is the number of training batches of one epoch."""
        self._phase = "fit"
        self._epoch, self._step, self._first_step, self._num_batches = epoch, step, step, num_batches
        self._fit_began_s = time.monotonic()
        self.begin_epoch(epoch)
        self.write()

    def begin_epoch(self, epoch: int) -> None:
        self._epoch, self._batch, self._images = epoch, 0, 0
        self._epoch_began_s = time.monotonic()

    def begin_phase(self, phase: Literal["loading", "prepare", "test", "export"], num_batches: int = 0) -> None:
        self._phase, self._batch, self._num_batches, self._images = phase, 0, num_batches, 0
        self._epoch_began_s, self._epoch_took_s = time.monotonic(), 0.0
        self.write()

    def count_batch(self, batch: int, num_images: int, step: int | None) -> None:
        """`batch` batches of the epoch are done, the last with `num_images` images. `step` is None outside of fit."""
        self._batch, self._images = batch, self._images + num_images
        self._step = self._step if step is None else step
        now_s = time.monotonic()
        self._epoch_took_s = now_s - self._epoch_began_s
        if now_s - self._written_s >= MIN_INTERVAL_S:
            self.write()

    def exclude(self, seconds: float) -> None:
        """Leave out `seconds`, which the fit did not spend on training, of its speed and its estimated time left."""
        self._fit_began_s += seconds
        self._epoch_began_s += seconds

    def write(self) -> None:
        self._written_s = time.monotonic()
        rate = self._images / self._epoch_took_s if self._epoch_took_s > 0 else None
        content = {
            "phase": self._phase,
            "epoch": self._epoch,
            "max_epochs": self._max_epochs,
            "batch": self._batch,
            "num_batches": self._num_batches,
            "step": self._step,
            "total_steps": self.total_steps,
            "samples_per_s": None if rate is None else round(rate, 1),
            "eta_s": self._eta_s(),
        }
        # Not flushed: five flushes a second would slow a training down on a busy disk, and the progress is
        # worthless after a power loss.
        with replacing(self._run.progress, is_flushed=False) as file:
            file.write(json.dumps(content).encode())

    def _eta_s(self) -> float | None:
        # Based on the mean time of a step so far, which includes its share of the validation.
        steps_done = self._step - self._first_step
        if self._phase != "fit" or steps_done <= 0:
            return None
        seconds_per_step = (time.monotonic() - self._fit_began_s) / steps_done
        return round(seconds_per_step * max(0, self.total_steps - self._step), 1)
