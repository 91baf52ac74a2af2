"""Keep two checkpoints: the best epoch's, and the last state from which the training can be resumed."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint as LightningCheckpoint

from trainer import rundir
from trainer.ddp.group import AgreedStop
from trainer.experiment.direction import direction, is_better
from trainer.experiment.sections import Checkpoint
from trainer.fit.module import Classifier
from trainer.rundir import RunDir
from trainer.stopping import Stop

Metrics = dict[str, float]


class KeepCheckpoints(LightningCheckpoint):
    """Write epoch_NNN.ckpt whenever the monitored metric improves (and remove the one before), and last.ckpt.

    A crash at any moment leaves both, of this epoch or of one before (see trainer.fit.checkpointfile). Lightning's
    ModelCheckpoint removes last.ckpt before it links the new one, and forgets the best score on a resume in another
    folder.
    """

    def __init__(
        self, run: RunDir, settings: Checkpoint, stop: Stop | AgreedStop, say: Callable[[str], object]
    ) -> None:
        self.best: Path | None = None
        self.step_of_last = -1
        self._run = run
        self._monitor = settings.monitor
        self._last_every_n_epochs = settings.last_every_n_epochs
        self._stop = stop
        self._say = say
        self._best_metrics: Metrics = {}
        self._ended: dict[str, Any] | None = None  # the epoch at whose end we are, and its metrics
        self._earlier: dict[str, Any] = {}

    @property
    def last(self) -> Path:
        return self._run.last_checkpoint

    @property
    def best_train_metrics(self) -> Metrics:
        return {name: value for name, value in self._best_metrics.items() if name.startswith("train/")}

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._earlier:
            self._consider_last(trainer)
            if self._earlier["monitor"] != self._monitor and self.best is not None:
                self._say_best()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._ended = None

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        epochs = trainer.current_epoch + 1
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self._ended = {"epoch": trainer.current_epoch, "metrics": metrics}
        is_best = self._is_better(metrics)
        before = self.best
        if is_best:
            self.best, self._best_metrics = self._path(trainer.current_epoch), metrics
            trainer.save_checkpoint(self.best)
        is_final = epochs == trainer.max_epochs or trainer.should_stop or self._stop.requested
        if is_final or epochs % self._last_every_n_epochs == 0:
            self.save_last(trainer, like_best=is_best)
        # Only now: until then last.ckpt on disk still names the best one before.
        if before is not None and before != self.best and trainer.is_global_zero:
            before.unlink(missing_ok=True)

    def save_last(self, trainer: Trainer, like_best: bool = False) -> None:
        """Write last.ckpt; `like_best`: the best checkpoint has just been written and is the same."""
        if trainer.is_global_zero:
            module = cast(Classifier, trainer.lightning_module)
            self.last.parent.mkdir(exist_ok=True)
            rundir.write_json(self._run.last_state, module.last_state().dump())
        if not like_best or self.best is None:
            trainer.save_checkpoint(self.last)  # all processes together; the leader writes
        elif trainer.is_global_zero:
            _link(self.best, self.last)
        self.step_of_last = trainer.global_step

    def state_dict(self) -> dict[str, Any]:
        # The name, not the path: a resumed run has a folder of its own, to which the file was copied.
        return {
            "monitor": self._monitor,
            "best": self.best.name if self.best else None,
            "best_metrics": self._best_metrics,
            "ended": self._ended,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over an earlier run's best checkpoint, if its file is here."""
        self._earlier = state_dict
        if state_dict["best"] and (best := self.last.with_name(state_dict["best"])).exists():
            self.best, self._best_metrics = best, state_dict["best_metrics"]

    def _consider_last(self, trainer: Trainer) -> None:
        """Make the last checkpoint the best one, if it is of an epoch's end and better by the metric of now."""
        before, ended = self.best, self._earlier["ended"]
        if ended and self._is_better(ended["metrics"]):
            self.best, self._best_metrics = self._path(ended["epoch"]), ended["metrics"]
            if self.best != before and trainer.is_global_zero:
                _link(self.last, self.best)
                if before is not None:
                    before.unlink()

    def _say_best(self) -> None:
        assert self.best is not None
        score = f"{self._monitor} {self._best_metrics[self._monitor]:.4g}"
        self._say(
            f"checkpoint.monitor was {self._earlier['monitor']}: {self.best.name} is the best so far by {score},"
            " chosen of the best and the last checkpoint; those of other epochs are gone"
        )

    def _is_better(self, metrics: Metrics) -> bool:
        """Whether these metrics are better than the best epoch's, or the first that are numbers."""
        value, way = metrics[self._monitor], direction(self._monitor)
        assert way is not None
        return not math.isnan(value) if self.best is None else is_better(value, self._best_metrics[self._monitor], way)

    def _path(self, epoch: int) -> Path:
        return self.last.with_name(f"epoch_{epoch:03d}.ckpt")


def _link(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, temporary)
    temporary.replace(target)
