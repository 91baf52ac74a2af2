"""Times as files and answers have them: UTC, ISO 8601."""

from __future__ import annotations

from datetime import datetime, timezone

_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799
"""The years 1 and 9999. Some file systems give files of a damaged archive other times."""


def utc_time(timestamp: float) -> datetime:
    """Convert seconds since 1970 to a time, or to the nearest one that can be written."""
    return datetime.fromtimestamp(min(max(timestamp, _FIRST_S), _LAST_S), timezone.utc)


def format_time(timestamp: float) -> str:
    """Write seconds since 1970."""
    return utc_time(timestamp).isoformat()


def parse_time(text: object) -> datetime | None:
    """Read a time, in UTC unless it names a zone. None for anything else."""
    try:
        moment = datetime.fromisoformat(text)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def seconds_between(start: str | None, end: str | None) -> float | None:
    """Return how long something took. None if one of the times is unknown."""
    began, ended = parse_time(start), parse_time(end)
    return None if began is None or ended is None else (ended - began).total_seconds()
