"""What a resumed run may do differently from the run that it continues. No torch: the service asks before a start.

Every setting stands in exactly one of the four lists; all but those that must stay take effect from the next batch on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.experiment.experiment import Experiment, ExperimentInvalid, dump, parse
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
"""Settings and whole sections that may change at any time."""
BETWEEN_EPOCHS = frozenset({"data.batch_size", "data.sampling", "data.skip_unreadable"})
"""They decide which images an epoch has left."""
NULL_STAYS = frozenset({"optimizer.backbone_learning_rate", "trainer.ema_decay"})
"""Another number may stand there. Null must stay null and a number a number: the checkpoint holds something for it."""
MUST_STAY = frozenset(
    {
        *("model", "data.image_size", "data.channels", "data.value_range", "data.mean", "data.std", "optimizer.name"),
        *("seed", "data.val_share", "data.test_share"),
    }
)
"""The first are what the checkpoint is of; by the others train images would become images to validate or test on."""


class ResumeImpossible(ValueError):
    """The earlier run cannot be resumed at all; the message says why."""


@dataclass(frozen=True)
class LastState:
    """What the last checkpoint of a run holds: `batch` batches after `epoch` epochs, `step` optimizer steps in all."""

    run_id: str
    experiment: Experiment
    class_names: tuple[str, ...]
    num_train_images: int
    epoch: int
    batch: int
    step: int
    value_range: tuple[float, ...] | None = None
    """The low and high value of images with more than 8 bits per channel, if there were any: found, or as set."""

    @classmethod
    def load(cls, facts: dict[str, Any], run: RunDir) -> LastState:
        """Make it of the facts in a checkpoint of `run`, or beside it. Raises ResumeImpossible for an older version."""
        try:
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
        """The facts as plain JSON content; `load` makes an equal one of it."""
        value_range = None if self.value_range is None else list(self.value_range)
        plain = {"experiment": dump(self.experiment), "class_names": list(self.class_names), "value_range": value_range}
        return {**vars(self), **plain}


def read_last_state(run: RunDir) -> LastState:
    """Read what `run` can be resumed from. Raises ResumeImpossible where there is nothing, or of another version."""
    if not run.file(run.last_checkpoint).exists():
        raise ResumeImpossible(f"there is no checkpoint to resume from: {run.last_checkpoint}")
    _refuse_foreign_links(run)
    # Written before the checkpoint: no checkpoint of this version is without it.
    return LastState.load(run.read_json(run.last_state) or {}, run)


def _refuse_foreign_links(run: RunDir) -> None:
    """A resume copies the best checkpoint, which only the last one names, into a run where it can be downloaded."""
    try:
        linked = [path for path in run.checkpoints.iterdir() if path.is_symlink()]
    except OSError as error:
        raise ResumeImpossible(f"{run.checkpoints} cannot be read: {error.strerror}") from error
    for path in linked:
        if not run.file(path).exists():
            raise ResumeImpossible(f"{path} is a link that leads out of the run, or nowhere: remove it")


def refuse_misfit(
    state: LastState, run: RunDir, asked: Experiment, class_names: Sequence[str], count: int | None = None
) -> None:
    """Raise ExperimentInvalid unless `run` can be resumed as `asked` on `count` train images of these classes."""
    errors = problems(state, asked, is_complete=run.result.exists())
    if problem := data_problem(state, class_names, count):
        errors["train_data_dir"] = [problem]
    if errors:
        raise ExperimentInvalid(errors)


def problems(state: LastState, asked: Experiment, is_complete: bool) -> dict[str, list[str]]:
    """Name every setting that must not be as `asked`; empty where the run can be resumed.

    `is_complete`: the earlier run has tested and exported its model. Then there must be something left to do.
    """
    had, has = dict(_flat(dump(state.experiment))), dict(_flat(dump(asked)))
    found: dict[str, list[str]] = {}
    for path in dict.fromkeys((*had, *has)):
        if had.get(path) != has.get(path) and (problem := _problem(path, had.get(path), has.get(path), state)):
            found[path] = [problem]
    return found or dict(_nothing_left(state, asked, is_complete))


def data_problem(state: LastState, class_names: Sequence[str], num_train_images: int | None) -> str | None:
    """What is wrong with the folder of train images, None if nothing is; the number of images may be unknown."""
    if tuple(class_names) != state.class_names:
        return f"its classes are not those of the run that is resumed: {_difference(state.class_names, class_names)}"
    if state.batch and num_train_images not in (None, state.num_train_images):
        return (
            f"has {num_train_images:,} images, the run that is resumed stopped within an epoch of"
            f" {state.num_train_images:,}: their number can change between epochs only"
        )
    return None


def _flat(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _is_in(path: str, settings: frozenset[str]) -> bool:
    """Whether a setting, its section or a mapping around it is in `settings`."""
    names = path.split(".")
    return any(".".join(names[:length]) in settings for length in range(1, len(names) + 1))


def _problem(path: str, had: Any, has: Any, state: LastState) -> str | None:
    was = "null" if had is None else str(had)
    if _is_in(path, MUST_STAY):
        return f"must stay {was} when run {state.run_id} is resumed; start without resume_from to change it"
    if _is_in(path, BETWEEN_EPOCHS) and state.batch:
        return f"must stay {was}: run {state.run_id} stopped within an epoch, and this can change between epochs only"
    if _is_in(path, NULL_STAYS) and None in (had, has):
        must = "stay null" if had is None else "stay a number"
        return f"must {must} when run {state.run_id} is resumed; start without resume_from to change it"
    return None


def _nothing_left(state: LastState, asked: Experiment, is_complete: bool) -> Iterator[tuple[str, list[str]]]:
    had, wanted, begun = state.experiment, asked.trainer.max_epochs, state.epoch + (state.batch > 0)
    if wanted < begun:
        yield "trainer.max_epochs", [f"must be at least {begun}: run {state.run_id} has begun so many already"]
    elif not is_complete or asked.export != had.export:  # a model is still to be tested and exported
        return
    elif wanted == begun:
        problem = f"must be more than {wanted}: nothing is left to train of run {state.run_id}, which is complete"
        yield "trainer.max_epochs", [problem]
    elif begun < had.trainer.max_epochs and asked.early_stopping == had.early_stopping:
        problem = f"must change: it has ended run {state.run_id} after {begun} epochs, nothing is left to train"
        yield "early_stopping.patience", [problem]


def _difference(had: Sequence[str], has: Sequence[str]) -> str:
    gone, come = ([each for each in one if each not in other] for one, other in ((had, has), (has, had)))
    said = [f"{_some(gone)} missing"] * bool(gone) + [f"{_some(come)} added"] * bool(come)
    return " and ".join(said) or "their order"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
