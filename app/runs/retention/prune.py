"""Decide which old runs, or which of their checkpoints, can be removed, and why the others are kept. Remove them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.runs.collect.runmetrics import RunMetrics
from app.runs.exceptions import DeletionRefused
from app.runs.models.folder import ModelFolder
from app.runs.retention.checkpoints import find_checkpoints, remove_files
from app.runs.retention.ranking import Ranking, monitor_of
from app.runs.retention.sizes import Sizes
from app.runs.store.resume import has_left
from app.runs.store.run import Run
from app.runs.store.store import RunStore
from app.runs.times import seconds_between
from trainer.rundir import utc_now


@dataclass(frozen=True)
class Rule:
    """What to keep: runs younger than `older_than_s`, and the `keep_best` best of each experiment. None: no limit."""

    older_than_s: float | None
    keep_best: int | None
    checkpoints_only: bool = False
    monitor: str | None = None
    """The metric that decides what is best, instead of the one that each experiment watches."""


@dataclass(frozen=True)
class Decision:
    """Whether a run is removed."""

    run: Run
    kept_because: str | None
    """Why all of the run is kept. None: it is removed."""
    size_bytes: int | None
    """The space that the removal frees. None: unknown."""
    lost: tuple[str, ...] = ()
    """What the removal loses."""
    files: tuple[Path, ...] = ()
    """The checkpoints to remove, if only they are."""


class Pruner:
    """Prune a runs folder, even while services use it: the executor says which runs live."""

    def __init__(self, store: RunStore, metrics: RunMetrics) -> None:
        self._store = store
        self._metrics = metrics
        self._models = ModelFolder(store)
        self._sizes = Sizes()

    def plan(self, rule: Rule) -> list[Decision]:
        """Decide about all runs, oldest first. Changes nothing."""
        runs = list(self._store.list())
        parents = _parents(runs)
        over = [run for run in runs if run.is_over]
        ranking = Ranking(self._metrics, over, rule.monitor) if rule.keep_best is not None else None
        return [self._decide(run, rule, ranking, parents) for run in reversed(runs)]

    def remove(self, decision: Decision) -> None:
        """Remove what the decision says, unless the run is needed again. Raises RunError."""
        run = self._store.find_again(decision.run)
        if not decision.files:
            self._store.delete(run.run_id)
            return
        self._store.refuse_needed(run.run_id)
        try:
            remove_files(decision.files)
        except OSError as error:
            raise DeletionRefused(run.run_id, error.strerror or str(error)) from error

    def _decide(self, run: Run, rule: Rule, ranking: Ranking | None, parents: dict[str, str]) -> Decision:
        models = [model.file.path for model in self._models.of(run)] if run.is_ours else []
        files = find_checkpoints(run, models) if rule.checkpoints_only and run.is_ours else []
        reason = (
            _protected(run, parents)
            or _too_young(run, rule.older_than_s)
            or _among_best(run, rule, ranking)
            or ("it has no checkpoints" if rule.checkpoints_only and not files else None)
        )
        size = self._size(run, files, rule.checkpoints_only)
        if reason is not None:
            return Decision(run, reason, size)
        lost = _lost(run, bool(models) and not rule.checkpoints_only)
        return Decision(run, None, size, tuple(lost), tuple(files))

    def _size(self, run: Run, files: Sequence[Path], checkpoints_only: bool) -> int | None:
        if checkpoints_only:
            return sum(file.lstat().st_size for file in files)
        return self._sizes.measure(run.directory.path, is_over=False)


def _parents(runs: Iterable[Run]) -> dict[str, str]:
    """Map each run that a queued or active run resumes from to that run."""
    waiting = ((run.request.get("resume_from"), run.run_id) for run in runs if not run.is_over)
    return {parent: run_id for parent, run_id in waiting if isinstance(parent, str)}


def _protected(run: Run, parents: dict[str, str]) -> str | None:
    if not run.is_over:
        return f"it is {run.state}"
    if not run.is_ours:
        return "this service did not create it"
    if run.directory.path.is_symlink():
        return "it is a link to another folder"
    return f"run {parents[run.run_id]} resumes from it" if run.run_id in parents else None


def _too_young(run: Run, older_than_s: float | None) -> str | None:
    """A run whose times cannot be read is not known to be old."""
    if older_than_s is None:
        return None
    age_s = seconds_between(run.ended_at or run.created_at, utc_now())
    if age_s is None:
        return "its age is unknown"
    return None if age_s > older_than_s else f"it ended {_age(age_s)} ago"


def _among_best(run: Run, rule: Rule, ranking: Ranking | None) -> str | None:
    if ranking is None or rule.keep_best is None:
        return None
    place = ranking.place(run)
    if place is None:
        monitor = rule.monitor or monitor_of(run)
        return f"its best {monitor} is unknown" if monitor else "its experiment names no metric to compare runs by"
    if place.rank > rule.keep_best:
        return None
    return f"it is number {place.rank} of {run.config_name or 'its experiment'} by {place.monitor} ({place.value:g})"


def _lost(run: Run, has_model: bool) -> list[str]:
    can_resume = has_left(run.directory, run.needed_to_resume)
    return [*(["its model"] if has_model else []), *(["the checkpoint to resume from"] if can_resume else [])]


def _age(seconds: float) -> str:
    for unit, length_s in (("day", 86400), ("hour", 3600)):
        if seconds >= length_s:
            number = int(seconds // length_s)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "less than an hour"
