"""Decide which values of images with more than 8 bits per channel become black and white. No torch.

Such a file rarely states its range: 16 bits may hold the 8, 10, 12 or 14 bits of a camera, and floats anything.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MIN_LEVELS = 8
"""If most images use fewer of the 256 grey levels than this, the range does not cover outliers."""
MAX_RANKED_VALUES = 65_536
"""The number of values, evenly spread, that the percentiles of an image are computed from."""


class Extremes(NamedTuple):
    """The extreme finite values of one image."""

    low: float
    high: float
    usual_low: float
    """The 1st percentile."""
    usual_high: float
    """The 99th percentile."""
    has_gaps: bool
    """Whether the image also holds NaN or infinite values."""


class ValueRange(NamedTuple):
    """`low` becomes 0 (black) and `high` 255 (white)."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float] | None) -> ValueRange | None:
        """Make a range of the two numbers of data.value_range."""
        return None if values is None else cls(*values)

    def to_uint8(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Scale values of any shape. Values outside the range become black or white, and NaN becomes black."""
        # In place: an image may have a hundred million pixels.
        scaled: NDArray[Any] = values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)
        scaled -= self.low
        scaled *= 255 / (self.high - self.low)
        np.nan_to_num(scaled, copy=False, nan=0.0, posinf=255.0, neginf=0.0)
        scaled.clip(0, 255, out=scaled)
        rounded: NDArray[np.uint8] = np.rint(scaled, out=scaled).astype(np.uint8)
        return rounded

    def levels(self, extremes: Extremes) -> float:
        """Return the number of the 256 grey levels that most values of an image cover."""
        low, high = (min(max(value, self.low), self.high) for value in (extremes.usual_low, extremes.usual_high))
        return 255 * (high - low) / (self.high - self.low)

    def flattens(self, extremes: Extremes) -> bool:
        """Whether an image with different values becomes a single grey level."""
        return extremes.usual_high > extremes.usual_low and self.levels(extremes) < 1

    def cuts(self, extremes: Extremes) -> bool:
        """Whether some values of an image lie outside of the range."""
        return extremes.low < self.low or extremes.high > self.high

    def __str__(self) -> str:
        return f"{number(self.low)} to {number(self.high)}"


def measure(values: NDArray[Any]) -> Extremes:
    """Measure an image. Raises ValueError if no value is finite."""
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values.ravel()
    if not finite.size:
        raise ValueError("it has no finite values")
    has_gaps = finite.size < values.size
    ranked = finite[:: -(-finite.size // MAX_RANKED_VALUES)]
    low, high = float(finite.min()), float(finite.max())
    usual_low, usual_high = map(float, np.percentile(ranked, (1, 99)))
    return Extremes(low, high, usual_low, usual_high, has_gaps)


def find_range(measured: Collection[Extremes]) -> ValueRange:
    """Find one range for all images of a dataset. `measured` must not be empty.

    The range covers every value. But if a few outliers (hot pixels, -9999 for "no data") would squeeze most images into
    a few grey levels, it covers only the 1st to the 99th percentile of each image.
    """
    whole = _rounded(min(each.low for each in measured), max(each.high for each in measured))
    shown = [each for each in measured if each.usual_high > each.usual_low]
    if 2 * sum(whole.levels(each) < MIN_LEVELS for each in shown) <= len(shown):
        return whole
    return _rounded(min(each.usual_low for each in shown), max(each.usual_high for each in shown))


def _rounded(low: float, high: float) -> ValueRange:
    """Return the common range around both (0 to 1, 0 to 1023, -1024 to 1023 ...) if they fill half of it, else both.

    So one brighter image does not change the range, and 8 bits in a 16-bit file look the same as in an 8-bit file.
    """
    bottom = 0.0 if low >= 0 else -1.0 if low >= -1 and high <= 1 else -(2.0 ** math.ceil(math.log2(-low)))
    top = 0.0 if high <= 0 else 1.0 if high <= 1 else 2.0 ** math.ceil(math.log2(high + 1)) - 1
    if top == bottom:
        return ValueRange(bottom, bottom + 1)
    is_filled = low == high or high - low >= (top - bottom) / 2
    return ValueRange(bottom, top) if is_filled else ValueRange(low, high)


def number(value: float) -> str:
    """Format a value: `0.25`, `65535`, `-3.4e+38`."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
