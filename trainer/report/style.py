"""The style of the report's plots, and fonts for names in any alphabet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import matplotlib
from matplotlib.font_manager import findfont, fontManager, get_font

INK, FAINT = "#1f2933", "#9aa5b1"
BLUE, ORANGE = "#2f6da8", "#d97b29"

FONT = "DejaVu Sans"
"""Included in matplotlib."""

STYLE: dict[str, Any] = {
    "figure.dpi": 150,
    "figure.facecolor": "white",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # show a dollar sign in a name as it is
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e7eb",
    "grid.linewidth": 0.7,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
}


@contextmanager
def drawing(texts: Iterable[str]) -> Iterator[None]:
    """Draw and save figures in our style inside the `with` block, with fonts for the letters of `texts`."""
    fonts = (_font_of(letter) for letter in sorted(set().union(*texts)))
    families = list(dict.fromkeys([FONT, *(font for font in fonts if font is not None)]))
    style: Any = STYLE | {"font.family": families}
    with matplotlib.rc_context(style):
        yield


def short(name: str, max_chars: int = 24) -> str:
    """Put a name on one line, shorten its middle, and replace letters without an installed font by their number."""
    line = "".join(each if each.isprintable() and _font_of(each) else f"\\u{ord(each):04x}" for each in name)
    if len(line) <= max_chars:
        return line
    return f"{line[: max_chars // 2]}…{line[len(line) - (max_chars - 1) // 2 :]}"


@cache
def _font_of(letter: str) -> str | None:
    """Return our font or the first installed one that has the letter, or None."""
    if ord(letter) in _letters_of(findfont(FONT)):
        return FONT
    # matplotlib includes "Last Resort", which draws a box for each letter.
    plain = (each for each in fontManager.ttflist if each.style == "normal" and not each.name.startswith("Last"))
    return next((each.name for each in plain if ord(letter) in _letters_of(each.fname)), None)


@cache
def _letters_of(path: str) -> frozenset[int]:
    try:
        return frozenset(get_font(path).get_charmap())
    except (OSError, RuntimeError):  # removed since matplotlib listed it, or corrupt
        return frozenset()
