"""Keep two checkpoints: the best epoch's, and the last state from which the training can go on."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint as LightningCheckpoint

from trainer.distributed import AgreedStop
from trainer.sections import Checkpoint
from trainer.stopping import Stop


class KeepCheckpoints(LightningCheckpoint):
    """Write epoch_NNN.ckpt whenever the monitored metric improves (and remove the one before), and last.ckpt.

    Each file appears in one step, so a crash or a full disk leaves the one before intact. Lightning's own
    ModelCheckpoint writes in place, and on a resume in another folder forgets which score was the best.
    """

    def __init__(self, folder: Path, settings: Checkpoint, stop: Stop | AgreedStop) -> None:
        self.best: Path | None = None
        self.best_score = math.nan
        self.best_train_metrics: dict[str, float] = {}
        self.step_of_last = -1
        self._folder = folder
        self._settings = settings
        self._stop = stop

    @property
    def last(self) -> Path:
        return self._folder / "last.ckpt"

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        epochs = trainer.current_epoch + 1
        score = float(trainer.callback_metrics[self._settings.monitor])
        is_best = improves(score, self.best_score, self._settings.monitor)
        before = self.best
        if is_best:
            self.best, self.best_score = self._folder / f"epoch_{trainer.current_epoch:03d}.ckpt", score
            metrics = trainer.callback_metrics.items()
            self.best_train_metrics = {name: float(value) for name, value in metrics if name.startswith("train/")}
            _save(trainer, self.best)
        is_final = epochs == trainer.max_epochs or trainer.should_stop or self._stop.requested
        if is_final or epochs % self._settings.last_every_n_epochs == 0:
            self.save_last(trainer, like_best=is_best)
        # Only now: until then last.ckpt on disk still names the best one before.
        if before is not None and before != self.best and trainer.is_global_zero:
            before.unlink(missing_ok=True)

    def save_last(self, trainer: Trainer, like_best: bool = False) -> None:
        """Write last.ckpt; `like_best`: the best checkpoint has just been written and is the same."""
        if like_best and self.best is not None:
            if trainer.is_global_zero:
                _link(self.best, self.last)
        else:
            _save(trainer, self.last)
        self.step_of_last = trainer.global_step

    def state_dict(self) -> dict[str, Any]:
        # The name, not the path: a resumed run has a folder of its own, to which the file was copied.
        name = self.best.name if self.best else None
        return {
            "monitor": self._settings.monitor,
            "best": name,
            "best_score": self.best_score,
            "best_train_metrics": self.best_train_metrics,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from an earlier run's best, if it was chosen by the same metric and its file is here."""
        best = self._folder / state_dict["best"] if state_dict["best"] else None
        if state_dict["monitor"] == self._settings.monitor and best is not None and best.exists():
            self.best, self.best_score = best, state_dict["best_score"]
            self.best_train_metrics = state_dict["best_train_metrics"]


def improves(score: float, best: float, monitor: str) -> bool:
    """Whether `score` is better than `best` (nan = none yet): a loss falls, everything else rises."""
    if math.isnan(score):
        return False
    return math.isnan(best) or (score < best if "loss" in monitor else score > best)


def _save(trainer: Trainer, path: Path) -> None:
    temporary = path.with_name(f".{path.name}")
    path.parent.mkdir(exist_ok=True)
    try:
        trainer.save_checkpoint(temporary)  # all processes together; the leader writes
        if not trainer.is_global_zero:
            return
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())  # it is what is left after a power loss
        temporary.replace(path)
    except BaseException:
        # On a full disk the room is needed, be it for the line that says so.
        temporary.unlink(missing_ok=True)
        raise


def _link(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, temporary)
    temporary.replace(target)
