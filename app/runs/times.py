"""Times as files and answers have them: UTC, ISO 8601."""

from __future__ import annotations

from datetime import datetime, timezone


def format_time(timestamp: float) -> str:
    """Write seconds since 1970."""
    return datetime.fromtimestamp(timestamp, timezone.utc).isoformat()


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
