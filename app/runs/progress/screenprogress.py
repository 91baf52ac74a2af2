"""Derive the progress of a training from what its log shows on a screen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from app.runs.log.screen import MAX_ROWS
from app.runs.progress.bars import Bar, parse_bar
from app.runs.progress.epochs import NamedEpoch, named_epoch
from app.runs.progress.steps import NamedStep, named_step

MAX_ROWS_AFTER_BAR = 20
"""A bar that is not redrawn within this many rows has been abandoned."""

_NO_TRAINING = re.compile(r"\b(val|valid|validat\w*|eval\w*|test\w*|sanity)\b", re.IGNORECASE)
"""The labels of bars that follow the training of an epoch."""

_OF_EPOCHS = re.compile(r"\bepochs?\s*$", re.IGNORECASE)
"""The label of a bar that counts epochs."""

_ROUNDED = ("percent", "eta_s")
"""Other numbers stay as the program counts them."""

Progress = dict[str, Any]


@dataclass(frozen=True)
class _Row:
    bar: Bar | None
    epoch: NamedEpoch | None
    step: NamedStep | None


@dataclass(frozen=True)
class _Block:
    """Consecutive rows with bars, the last ones on the screen."""

    rows: Sequence[_Row]
    bars: Sequence[Bar]
    epoch: NamedEpoch | None
    """The epoch that the rows or those above them named last."""
    has_epoch_bar: bool
    """Whether a bar named that epoch, so that bars without an epoch show something else."""
    num_rows_after: int
    is_outdated: bool
    """Whether a row below names another epoch."""

    @property
    def is_finished(self) -> bool:
        return all(bar.is_finished for bar in self.bars)

    @property
    def is_of_many_epochs(self) -> bool:
        return self.epoch is not None and self.epoch.max_epochs is not None

    @property
    def is_after_epoch_bar(self) -> bool:
        """Whether the bars follow that of the epoch, as a validation's bar does."""
        return self.is_of_many_epochs and self.has_epoch_bar and all(row.epoch is None for row in self.rows)

    @property
    def is_live(self) -> bool:
        if self.is_outdated or self.num_rows_after > MAX_ROWS_AFTER_BAR:
            return False
        return not self.num_rows_after or not self.is_finished


def progress_of(rows: Sequence[str], counts_from_zero: bool = False) -> Progress:
    """Return the progress that a screen shows, with the fields of progress.json. Unknown fields are left out.

    `percent` and `eta_s` refer to the `scope`: the training, an epoch, or a single bar.

    - A bar that names its epoch is a part of the training: `Epoch 2/3: 40%` is 47% of it. So is a bar below a row that
      names its epoch, such as `Epoch 2/3`. The remaining epochs are assumed to last as long as this one. Without the
      number of epochs the scope is the epoch.
    - Of nested bars the upper one is the training's, because programs draw inner bars below outer ones.
    - Any other bar has the scope `bar`, because a program may draw one for each epoch. So has a row that names its
      step, if no row names an epoch.

    Programs number their epochs from 1 unless `counts_from_zero`.
    """
    read = [_read(row) for row in rows]
    epoch, block = _last_epoch(read), _last_block(read)
    step = next((row.step for row in reversed(read) if row.step is not None), None)
    found: Progress = {}
    if block is not None and block.is_live:
        found = _of_bars(block, counts_from_zero)
    elif epoch is not None:
        is_done = block is not None and block.is_of_many_epochs and block.is_finished and not block.is_outdated
        found = _of_epoch(epoch, 100.0 if is_done else epoch.percent, None, counts_from_zero)
        found |= {"batch": epoch.batch, "num_batches": epoch.num_batches}
    elif step is not None:
        found = {"percent": step.percent, "eta_s": step.left_s, "scope": "bar"}
        found |= {"step": step.step, "total_steps": step.total_steps}
    if epoch is not None:
        found = {"epoch": epoch.epoch, "max_epochs": epoch.max_epochs} | found
    return {name: round(value, 1) if name in _ROUNDED else value for name, value in found.items() if value is not None}


def names_epoch_zero(rows: Sequence[str]) -> bool:
    """Return whether a row shows that the program numbers its epochs from 0."""
    return any(row.epoch is not None and row.epoch.epoch == 0 for row in map(_read, rows))


@lru_cache(2 * MAX_ROWS)
def _read(row: str) -> _Row:
    bar = parse_bar(row)
    epoch = named_epoch(row if bar is None else bar.label, is_label=bar is not None)
    return _Row(bar, epoch, named_step(row) if bar is None and epoch is None else None)


def _last_epoch(rows: Sequence[_Row]) -> NamedEpoch | None:
    """Return the epoch named last, with the number of epochs named last."""
    named = [row.epoch for row in rows if row.epoch is not None]
    if not named:
        return None
    return replace(named[-1], max_epochs=next((each.max_epochs for each in reversed(named) if each.max_epochs), None))


def _last_block(rows: Sequence[_Row]) -> _Block | None:
    end = next((place for place in range(len(rows), 0, -1) if rows[place - 1].bar is not None), 0)
    begin = next((place for place in range(end, 0, -1) if rows[place - 1].bar is None), 0)
    if not end:
        return None
    epoch, last = _last_epoch(rows[:end]), _last_epoch(rows)
    is_outdated = epoch is not None and last is not None and epoch.max_epochs is not None and epoch.epoch != last.epoch
    bars = [row.bar for row in rows[begin:end] if row.bar is not None]
    has_epoch_bar = next((row.bar is not None for row in reversed(rows[:end]) if row.epoch is not None), False)
    return _Block(rows[begin:end], bars, epoch, has_epoch_bar, len(rows) - end, is_outdated)


def _of_bars(block: _Block, counts_from_zero: bool) -> Progress:
    upper = next((bar for bar in block.bars if not bar.is_finished), block.bars[-1])
    inner = next((bar for bar in reversed(block.bars) if not bar.is_finished), block.bars[-1])
    epoch_bar = _epoch_bar(block, upper)
    if epoch_bar is not None and block.epoch is not None:
        is_trained = bool(_NO_TRAINING.search(epoch_bar.label))
        found = _of_epoch(block.epoch, 100.0 if is_trained else epoch_bar.percent, epoch_bar, counts_from_zero)
        return found | {"batch": epoch_bar.count, "num_batches": epoch_bar.total}
    if block.epoch is not None and block.is_after_epoch_bar:
        return _of_epoch(block.epoch, 100.0, None, counts_from_zero)
    found = {"percent": upper.percent, "eta_s": upper.left_s, "scope": "bar" if upper is inner else "training"}
    if _OF_EPOCHS.search(upper.label):
        found |= {"scope": "training", "max_epochs": upper.total}
    if upper is not inner or not _OF_EPOCHS.search(upper.label):
        found |= {"batch": inner.count, "num_batches": inner.total}
    return found


def _epoch_bar(block: _Block, upper: Bar) -> Bar | None:
    """Return the bar that shows the epoch, if the epoch says more than the upper bar."""
    named = [row.bar for row in block.rows if row.epoch is not None and row.bar is not None]
    if not named:
        is_below_epoch = block.is_of_many_epochs and not block.has_epoch_bar
        return upper if is_below_epoch and len(block.bars) == 1 else None
    is_inside = block.bars.index(named[-1]) > block.bars.index(upper)
    return None if is_inside and not block.is_of_many_epochs else named[-1]


def _of_epoch(epoch: NamedEpoch, percent: float | None, bar: Bar | None, counts_from_zero: bool) -> Progress:
    """`percent` is that of the epoch, and `bar` shows it."""
    elapsed_s, left_s = (bar.elapsed_s, bar.left_s) if bar is not None else (None, None)
    if epoch.max_epochs is None:
        return {} if percent is None else {"percent": percent, "eta_s": left_s, "scope": "epoch"}
    first = 0 if counts_from_zero else 1
    num_done = max(0.0, epoch.epoch - first + (percent or 0.0) / 100)
    percent_done = min(100.0, 100 * num_done / (epoch.max_epochs - first + 1))
    eta_s = None
    if elapsed_s is not None and left_s is not None:
        eta_s = left_s + (epoch.max_epochs - epoch.epoch) * (elapsed_s + left_s)
    return {"percent": percent_done, "eta_s": eta_s, "scope": "training"}
