"""The value range of a dataset, found from the values in its image files."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.dataset.valuerange import ValueRange, find_range, measure

random = np.random.default_rng(0)


def images(low: float, high: float, count: int = 8) -> list[NDArray[np.float64]]:
    """Return images with values from `low` to `high`, both included."""
    made = [random.uniform(low, high, (20, 20)) for _ in range(count)]
    made[0].flat[:2] = low, high
    return made


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (3, 200, (0, 255)),
        (0, 700, (0, 1023)),
        (0, 4095, (0, 4095)),
        (12, 65_535, (0, 65_535)),
        (0, 1, (0, 1)),
        (0.02, 0.93, (0, 1)),
        (-1, 1, (-1, 1)),
        (-0.8, 0.7, (-1, 1)),
        (-900, 800, (-1024, 1023)),
        (-28, -1.5, (-32, 0)),
        # If the usual range would leave half of the grey levels unused, the range is that of the values.
        (29_000, 31_000, (29_000, 31_000)),
        (0.0, 1.04, (0.0, 1.04)),
        (0.1, 0.3, (0.1, 0.3)),
    ],
)
def test_the_range_is_a_usual_one_or_that_of_the_values(low: float, high: float, expected: tuple[float, float]) -> None:
    assert find_range([measure(each) for each in images(low, high)]) == expected


def test_no_value_of_any_image_is_cut_off() -> None:
    dark, bright = images(0, 900), images(2000, 3900, count=1)
    found = find_range([measure(each) for each in [*dark, *bright]])
    assert found == (0, 4095)
    assert not any(found.cuts(measure(each)) for each in [*dark, *bright])


@pytest.mark.parametrize("outlier", [65_535.0, -9999.0, -3.4e38])
def test_outliers_are_cut_off_if_they_would_leave_few_grey_levels(outlier: float) -> None:
    made = images(0, 200)
    for each in made:
        each.flat[7] = outlier
    found = find_range([measure(each) for each in made])
    assert found == (0, 255)
    assert all(found.cuts(measure(each)) for each in made)


def test_images_of_one_value_have_a_range_too() -> None:
    for value, expected in ((0, (0, 1)), (300, (0, 511)), (-5, (-8, 0))):
        assert find_range([measure(np.full((4, 4), value))]) == expected


def test_values_that_are_not_finite_are_ignored() -> None:
    measured = measure(np.array([[np.nan, 0.2], [np.inf, 0.9]]))
    assert (measured.low, measured.high, measured.has_gaps) == (0.2, 0.9, True)
    assert not measure(np.array([[1, 2]])).has_gaps


def test_an_image_that_becomes_one_grey_level_is_noticed() -> None:
    fractions, blank = measure(random.uniform(0, 1, (9, 9))), measure(np.full((9, 9), 7.0))
    assert ValueRange(0, 65_535).flattens(fractions)
    assert not ValueRange(0, 1).flattens(fractions)
    assert not ValueRange(0, 65_535).flattens(blank)  # it is blank in any range
    assert ValueRange(0, 1).flattens(measure(random.uniform(200, 300, (9, 9))))  # all white


def test_8_bit_grey_levels_survive_a_wider_file_type() -> None:
    levels = np.arange(256)
    for factor, dtype in ((1, np.uint16), (257, np.uint16), (1 / 255, np.float32)):
        stored = (levels * factor).astype(dtype)
        assert find_range([measure(stored)]).to_uint8(stored).tolist() == levels.tolist()
