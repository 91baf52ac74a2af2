"""Decide which parameters a resumed run may change. No torch, because the service checks this before a start.

Every parameter is in exactly one of the four lists. A changed parameter takes effect from the next batch on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.dataset.phrases import some
from trainer.experiment.experiment import Experiment, ExperimentInvalid, dump, flatten, parse
from trainer.rundir import RunDir

MAY_CHANGE = frozenset(
    {
        *("description", "loggers", "data.num_workers", "data.cache", "data.cache_max_gb"),
        *("data.augmentation", "data.mixing", "loss.class_weights", "loss.label_smoothing"),
        *("optimizer.learning_rate", "optimizer.weight_decay", "optimizer.momentum"),
        *("scheduler.name", "scheduler.warmup_fraction"),
        *("trainer.max_epochs", "trainer.accelerator", "trainer.devices", "trainer.cpu_threads", "trainer.precision"),
        *("trainer.compile", "trainer.deterministic", "trainer.gradient_clip_norm", "trainer.accumulate_batches"),
        *("trainer.freeze_backbone_epochs", "trainer.log_every_n_steps"),
        *("early_stopping", "checkpoint", "export"),
    }
)
"""Parameters and whole sections that may change at any time."""
BETWEEN_EPOCHS = frozenset({"data.batch_size", "data.sampling", "data.skip_unreadable"})
"""They determine which images of an epoch are left."""
NULL_STAYS = frozenset({"optimizer.backbone_learning_rate", "trainer.ema_decay"})
"""One number may replace another, but null must stay null: the checkpoint holds state for a number only."""
MUST_STAY = frozenset(
    {
        *("model", "data.image_size", "data.channels", "data.value_range", "data.mean", "data.std", "optimizer.name"),
        *("seed", "data.val_share", "data.test_share"),
    }
)
"""The first define the network in the checkpoint. The others would move train images to val or test."""


class ResumeImpossible(ValueError):
    """The earlier run cannot be resumed. The message says why."""


CHECKPOINT_VERSION = 2
"""Increase it with every change of what a checkpoint holds: state of the network, of the callbacks, of the loops."""


@dataclass(frozen=True)
class LastState:
    """The state in the last checkpoint of a run: `epoch` epochs and `batch` batches done, in `step` optimizer steps."""

    run_id: str
    experiment: Experiment
    class_names: tuple[str, ...]
    num_train_images: int
    epoch: int = 0
    batch: int = 0
    step: int = 0
    value_range: tuple[float, ...] | None = None
    """The value range of images with more than 8 bits per channel. None if there were no such images."""

    @classmethod
    def load(cls, facts: dict[str, Any], run: RunDir) -> LastState:
        """Load it from a checkpoint of `run` or its last.json. Raises ResumeImpossible for another version."""
        try:
            if facts["version"] != CHECKPOINT_VERSION:
                raise ValueError("version")
            return cls(
                run_id=str(facts["run_id"]),
                experiment=parse(facts["experiment"]),
                class_names=tuple(facts["class_names"]),
                num_train_images=int(facts["num_train_images"]),
                epoch=int(facts["epoch"]),
                batch=int(facts["batch"]),
                step=int(facts["step"]),
                value_range=None if facts["value_range"] is None else tuple(map(float, facts["value_range"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ResumeImpossible(
                f"the checkpoint of run {run.run_id} is of another version of this program; start without resume_from:"
                f" {run.last_checkpoint}"
            ) from error

    def dump(self) -> dict[str, Any]:
        """Return it as JSON content. `load` reads it back equal."""
        value_range = None if self.value_range is None else list(self.value_range)
        plain = {"experiment": dump(self.experiment), "class_names": list(self.class_names), "value_range": value_range}
        return {"version": CHECKPOINT_VERSION, **vars(self), **plain}


def read_last_state(run: RunDir) -> LastState:
    """Read the state to resume `run` from. Raises ResumeImpossible if there is no checkpoint of this version."""
    if not run.file(run.last_checkpoint).exists():
        raise ResumeImpossible(f"there is no checkpoint to resume from: {run.last_checkpoint}")
    _refuse_foreign_links(run)
    # The trainer writes last.json before the checkpoint, so every checkpoint of this version has one.
    return LastState.load(run.read_json(run.last_state) or {}, run)


def _refuse_foreign_links(run: RunDir) -> None:
    """Refuse links that lead out: a resume copies the best checkpoint, and clients can download the copy."""
    try:
        linked = [path for path in run.checkpoints.iterdir() if path.is_symlink()]
    except OSError as error:
        raise ResumeImpossible(f"{run.checkpoints} cannot be read: {error.strerror}") from error
    for path in linked:
        if not run.file(path).exists():
            raise ResumeImpossible(f"{path} is a link that leads out of the run or is broken: remove it")


def refuse_misfit(
    state: LastState, run: RunDir, asked: Experiment, class_names: Sequence[str], count: int | None = None
) -> None:
    """Raise ExperimentInvalid if `run` cannot be resumed as `asked` on `count` train images of these classes."""
    errors = problems(state, asked, is_complete=run.result.exists())
    if problem := data_problem(state, class_names, count):
        errors["train_data_dir"] = [problem]
    if errors:
        raise ExperimentInvalid(errors)


def problems(state: LastState, asked: Experiment, is_complete: bool) -> dict[str, list[str]]:
    """Return errors by parameter. Empty if the run can be resumed as `asked`.

    `is_complete` means that the earlier run has tested and exported its model. Then something must be left to do.
    """
    had, has = flatten(dump(state.experiment)), flatten(dump(asked))
    found: dict[str, list[str]] = {}
    for path in dict.fromkeys((*had, *has)):
        if had.get(path) != has.get(path) and (problem := _problem(path, had.get(path), has.get(path), state)):
            found[path] = [problem]
    return found or dict(_nothing_left(state, asked, is_complete))


def data_problem(state: LastState, class_names: Sequence[str], num_train_images: int | None) -> str | None:
    """Say why the train images do not fit, or return None. `num_train_images` is None if it is unknown."""
    if tuple(class_names) != state.class_names:
        return f"its classes differ from those of the resumed run: {_difference(state.class_names, class_names)}"
    if state.batch and num_train_images not in (None, state.num_train_images):
        return (
            f"has {num_train_images:,} images, but the resumed run stopped within an epoch of"
            f" {state.num_train_images:,}: their number can change only between epochs"
        )
    return None


def _is_in(path: str, parameters: frozenset[str]) -> bool:
    """Whether a parameter, its section or a mapping around it is in `parameters`."""
    names = path.split(".")
    return any(".".join(names[:length]) in parameters for length in range(1, len(names) + 1))


def _problem(path: str, had: Any, has: Any, state: LastState) -> str | None:
    was = "null" if had is None else str(had)
    if _is_in(path, MUST_STAY):
        return f"must stay {was} when run {state.run_id} is resumed; start without resume_from to change it"
    if _is_in(path, BETWEEN_EPOCHS) and state.batch:
        return f"must stay {was}, because run {state.run_id} stopped within an epoch; it can change only between epochs"
    if _is_in(path, NULL_STAYS) and None in (had, has):
        must = "stay null" if had is None else "stay a number"
        return f"must {must} when run {state.run_id} is resumed; start without resume_from to change it"
    return None


def _nothing_left(state: LastState, asked: Experiment, is_complete: bool) -> Iterator[tuple[str, list[str]]]:
    had, wanted, begun = state.experiment, asked.trainer.max_epochs, state.epoch + (state.batch > 0)
    if wanted < begun:
        yield "trainer.max_epochs", [f"must be at least {begun}, because run {state.run_id} has begun {begun} epochs"]
    elif not is_complete or asked.export != had.export:  # A model is left to test and export.
        return
    elif wanted == begun:
        problem = f"must be more than {wanted}, because run {state.run_id} is complete and nothing is left to train"
        yield "trainer.max_epochs", [problem]
    elif begun < had.trainer.max_epochs and asked.early_stopping == had.early_stopping:
        problem = f"must change, because it ended run {state.run_id} after {begun} epochs and nothing is left to train"
        yield "early_stopping.patience", [problem]


def _difference(had: Sequence[str], has: Sequence[str]) -> str:
    gone, come = ([each for each in one if each not in other] for one, other in ((had, has), (has, had)))
    said = [f"{some(gone)} missing"] * bool(gone) + [f"{some(come)} added"] * bool(come)
    return " and ".join(said) or "their order"
