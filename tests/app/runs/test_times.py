"""Times as files and answers have them."""

from __future__ import annotations

import pytest

from app.runs.times import format_time, parse_time, seconds_between


@pytest.mark.parametrize(
    ("timestamp", "text"),
    [
        (0, "1970-01-01T00:00:00+00:00"),
        (1.5, "1970-01-01T00:00:01.500000+00:00"),
        (1e15, "9999-12-31T23:59:59+00:00"),
        (-1e15, "0001-01-01T00:00:00+00:00"),
    ],
)
def test_every_time_of_a_file_can_be_written_and_read(timestamp: float, text: str) -> None:
    assert format_time(timestamp) == text
    assert parse_time(text) is not None


@pytest.mark.parametrize("text", [None, 7, "", "yesterday", "2026-13-01"])
def test_what_is_no_time_is_none(text: object) -> None:
    assert parse_time(text) is None


def test_a_time_without_a_zone_is_in_utc() -> None:
    assert seconds_between("2026-01-01T00:00:00", "2026-01-01T01:00:01+01:00") == 1
    assert seconds_between("2026-01-01T00:00:00", None) is None
