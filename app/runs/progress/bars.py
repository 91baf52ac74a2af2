"""Parse a progress bar of the libraries that training programs use."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_NUMBER = 1e12
"""No program trains for this many batches or seconds."""

_LINE = r"[━╸╺─]{3,}"
_COUNTS = r"(?P<count>[\d.]+[kMGT]?)/(?P<total>[\d.]+[kMGT]?)"
_COUNTS_WITH_COMMAS = r"(?P<count>[\d,]+)/(?P<total>[\d,]+)"
_FORMATS = tuple(
    re.compile(text)
    for text in (
        # tqdm: "Epoch 2:  45%|####5     | 45/100 [00:10<00:12,  4.40it/s]"; ncols=0 leaves out the bar.
        rf"(?P<percent>\d{{1,3}})%\|[^|]*\|\s*{_COUNTS}(?: \[(?P<elapsed>[\d:]+)<(?P<left>[\d:?]+))?",
        rf"(?P<percent>\d{{1,3}})% {_COUNTS} \[(?P<elapsed>[\d:]+)<(?P<left>[\d:?]+)",
        # tqdm.rich, and so Stable-Baselines3: "45% ━━━━━━━ 4,500/10,000  [ 0:00:05 < 0:00:06 , 800 it/s ]"
        rf"(?P<percent>\d{{1,3}})% {_LINE} +{_COUNTS_WITH_COMMAS} +\[ (?P<elapsed>[\d:]+) < (?P<left>[\d:]+|-:--:--) ,",
        # fastai: "Epoch 2/3 : |██████----| 60.00% [12/20 00:01<00:01 0.3512]"
        rf"(?P<percent>\d{{1,3}}\.\d\d)% \[{_COUNTS} (?P<elapsed>[\d:]+)<(?P<left>[\d:]+)",
        # Julia's ProgressMeter: "Progress:  45%|█████      |  ETA: 0:00:12"
        r"(?P<percent>\d{1,3})%\|[^|]*\| +(?:ETA: (?P<left>[\d:]+)|Time: (?P<elapsed>[\d:]+))",
        # R: "  |=====      |  45%"
        r"\|[= ]{10,}\| +(?P<percent>\d{1,3})%$",
        # Ultralytics: "1/3  0.5G  2.351  224: 45% ━━━━━─────── 9/20 1.9it/s 2.3s<3.1s"
        rf"(?P<percent>\d{{1,3}})% {_LINE} {_COUNTS}(?: \S+/s)?(?: (?P<elapsed>[\d:.]+s?)(?:<(?P<left>[\d:.]+s?))?)?",
        # Lightning's rich bar: "Epoch 2/9 ━━━━━╸━━━ 9/20 0:00:01 • 0:00:02 4.5it/s"
        rf"{_LINE} +{_COUNTS} (?P<elapsed>\d+:\d\d:\d\d) • (?P<left>\d+:\d\d:\d\d|-:--:--)",
        # rich: "Training ━━━━━╸━━━  45% 0:00:12"
        rf"{_LINE} +(?P<percent>\d{{1,3}})%(?: (?P<left>\d+:\d\d:\d\d|-:--:--))?",
        # Keras 3: "45/100 ━━━━━━━━ 12s 40ms/step - loss: 0.3"; Keras 2: "45/100 [===>....] - ETA: 12s - loss: 0.3"
        rf"^\s*{_COUNTS} {_LINE} [\d:]+s? (?P<each>[\d.]+[mu]?s)/\w+",
        rf"^\s*{_COUNTS} \[[=>.]+\] - ETA: (?P<left>[\d:]+s?)",
        rf"^\s*{_COUNTS} \[=+\] -",
    )
)
_MARKS = ("%|", "━", "─", "==", "% ")
_SCALES = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "ms": 1e-3, "us": 1e-6}


@dataclass(frozen=True)
class Bar:
    """A progress bar. `label` is the text before it."""

    label: str
    percent: float
    """From 0 to 100."""
    count: int | None
    """None if the bar has no count, or rounds it, as `1.2k`."""
    total: int | None
    elapsed_s: float | None
    left_s: float | None

    @property
    def is_finished(self) -> bool:
        return self.percent >= 100 and (self.count is None or self.count == self.total)


def parse_bar(row: str) -> Bar | None:
    """Return the last bar in a row of the screen. None if it has none."""
    if not any(mark in row for mark in _MARKS):
        return None
    for bar_format in _FORMATS:
        if found := list(bar_format.finditer(row)):
            return _bar(row, found[-1])
    return None


def _bar(row: str, match: re.Match[str]) -> Bar | None:
    found = match.groupdict()
    count, total = _scaled(found.get("count")), _scaled(found.get("total"))
    if found.get("percent"):
        percent = float(found["percent"])
    elif count is not None and total:
        percent = 100 * count / total
    else:
        return None
    elapsed_s, left_s, each_s = _seconds(found.get("elapsed")), _seconds(found.get("left")), _scaled(found.get("each"))
    if each_s is not None and count is not None and total is not None:  # Keras rounds the time left.
        elapsed_s, left_s = count * each_s, (total - count) * each_s
    exact = all(text and text.replace(",", "").isdecimal() for text in (found.get("count"), found.get("total")))
    return Bar(
        row[: match.start()].strip(" :"),
        min(100.0, percent),
        int(count) if exact and count is not None else None,
        int(total) if exact and total is not None else None,
        elapsed_s,
        left_s,
    )


def _scaled(text: str | None) -> float | None:
    """Parse a number with a unit: 1.2k, 40ms."""
    if text is None:
        return None
    number = text.replace(",", "").rstrip("kMGTmus")
    try:
        value = float(number) * _SCALES.get(text.lstrip("0123456789.,"), 1)
    except ValueError:
        return None
    return value if value < MAX_NUMBER else None


def _seconds(text: str | None) -> float | None:
    """Parse a duration: 1:02:03, 00:12, 12s, 2.3s. None if it is unknown."""
    try:
        parts = [float(part) for part in (text or "").removesuffix("s").split(":")]
    except ValueError:
        return None
    seconds = sum(part * 60**place for place, part in enumerate(reversed(parts)))
    return seconds if seconds < MAX_NUMBER else None
