"""What a benchmark yields: one figure of ours beside its baseline's from the same run, and how it is told."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """A quantity measured in rounds, ours and the baseline's in turns, so that both meet the same machine.

    `goal` is how many times better than the baseline ours should be, or, where `is_ratio` is False, the bound in
    `unit` that the median should keep. Without a baseline there is only the bound.
    """

    name: str
    unit: str
    ours: list[float]
    baseline: list[float] = field(default_factory=list)
    baseline_name: str = ""
    """Whom it stands for, as in "pandas and a loop over rows"."""
    goal: float | None = None
    is_ratio: bool = True
    is_higher_better: bool = False

    @property
    def ratios(self) -> list[float]:
        """By round, how many times better ours is."""
        pairs = zip(self.ours, self.baseline, strict=True) if self.baseline else ()
        return [our / base if self.is_higher_better else base / our for our, base in pairs]

    @property
    def is_reached(self) -> bool | None:
        """Whether the goal is; None without one."""
        if self.goal is None:
            return None
        if self.is_ratio:
            return statistics.median(self.ratios) >= self.goal
        median = statistics.median(self.ours)
        return median >= self.goal if self.is_higher_better else median <= self.goal

    def cells(self) -> list[str]:
        """The figure as a row: name, ours, baseline, its name, ratio with spread, goal, whether it is reached."""
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


HEADINGS = ["", "ours", "baseline", "baseline is", "times better (spread)", "goal", "reached"]


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
