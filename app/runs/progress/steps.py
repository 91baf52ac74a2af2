"""Find the step that a line of a log names, and the time left."""

from __future__ import annotations

import re
from dataclasses import dataclass

_STEP = re.compile(
    r"\b(?:step|iter|iteration|update)s?\b(?:\(\w+\))?[^\w\n]{0,12}(?P<step>\d{1,12})(?:\s*(?:/|of)\s*(?P<total>\d{1,12}))?",
    re.IGNORECASE,
)
_LEFT = re.compile(
    r"\beta:?\s+(?:(?P<days>\d{1,3}) days?,?\s+)?(?:(?P<hours>\d{1,4}):)?(?P<minutes>\d{1,2}):(?P<seconds>\d{2})\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class NamedStep:
    """A step that a line names together with the number of steps, the time left, or both."""

    step: int
    total_steps: int | None
    left_s: float | None

    @property
    def percent(self) -> float | None:
        """From 0 to 100."""
        return 100 * self.step / self.total_steps if self.total_steps else None


def named_step(text: str) -> NamedStep | None:
    """Return the step that a line names. None without a step, or without the number of steps and the time left.

    Megatron-LM writes " iteration       20/      50 | ...", MMEngine "Iter(train) [ 50/160]  lr: 0.1  eta: 0:01:12",
    and Detectron2 "eta: 0:05:12  iter: 99  total_loss: 1.2".
    """
    found = _STEP.search(text)
    if found is None:
        return None
    step, total, left = int(found["step"]), int(found["total"] or 0), _LEFT.search(text)
    total_steps = total if total and total >= step else None
    left_s = None if left is None else _seconds(left)
    return None if total_steps is None and left_s is None else NamedStep(step, total_steps, left_s)


def _seconds(match: re.Match[str]) -> float:
    days, hours, minutes, seconds = (int(text or 0) for text in match.groups())
    return float(86_400 * days + 3600 * hours + 60 * minutes + seconds)
