"""The result of a benchmark: one figure of ours beside its baseline, and its row in a table."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """A quantity measured in rounds. Ours and the baseline alternate, so that both run under the same conditions.

    `goal` is how many times better than the baseline ours should be. If `is_ratio` is False, it is a bound for the
    median, in `unit`.
    """

    name: str
    unit: str
    ours: list[float]
    baseline: list[float] = field(default_factory=list)
    baseline_name: str = ""
    """A description of the baseline, such as "pandas and a loop over rows"."""
    goal: float | None = None
    is_ratio: bool = True
    is_higher_better: bool = False

    @property
    def ratios(self) -> list[float]:
        """How many times better ours is, per round."""
        pairs = zip(self.ours, self.baseline, strict=True) if self.baseline else ()
        return [our / base if self.is_higher_better else base / our for our, base in pairs]

    @property
    def is_reached(self) -> bool | None:
        """Whether the goal is reached, or None without a goal."""
        if self.goal is None:
            return None
        if self.is_ratio:
            return statistics.median(self.ratios) >= self.goal
        median = statistics.median(self.ours)
        return median >= self.goal if self.is_higher_better else median <= self.goal

    def cells(self) -> list[str]:
        """Return a table row: name, ours, baseline, its name, ratio with spread, goal, and whether it is reached."""
        ratios = self.ratios
        spread = (
            f"{number(statistics.median(ratios))} x ({number(min(ratios))} to {number(max(ratios))})" if ratios else ""
        )
        sign = "≥" if self.is_ratio or self.is_higher_better else "≤"
        goal = "" if self.goal is None else f"{sign} {number(self.goal)} {'x' if self.is_ratio else self.unit}"
        reached = {None: "", True: "yes", False: "no"}[self.is_reached]
        base = f"{number(statistics.median(self.baseline))} {self.unit}" if self.baseline else ""
        ours = f"{number(statistics.median(self.ours))} {self.unit}"
        return [self.name, ours, base, self.baseline_name, spread, goal, reached]


def paired(
    name: str,
    unit: str,
    pairs: Iterable[tuple[float, float]],
    baseline_name: str,
    goal: float | None = None,
    is_ratio: bool = True,
) -> Figure:
    """Make a figure of (ours, baseline) in each round."""
    ours, baseline = (list(values) for values in zip(*pairs, strict=True))
    return Figure(name, unit, ours, baseline, baseline_name, goal, is_ratio)


HEADINGS = ["", "ours", "baseline", "baseline is", "times better (spread)", "goal", "reached"]


def number(value: float) -> str:
    """Format with three significant digits and no exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
