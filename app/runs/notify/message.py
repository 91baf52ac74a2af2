"""The text of notifications."""

from __future__ import annotations

from dataclasses import dataclass

from app.runs.notify.sending import Kind
from app.runs.store.run import Run
from app.runs.times import seconds_between

KINDS: dict[str, Kind] = {"completed": "success", "stopped": "info", "failed": "failure", "interrupted": "warning"}
"""The states that are announced, and how urgent each is."""


@dataclass(frozen=True)
class Message:
    title: str
    body: str
    kind: Kind


def describe_end(run: Run, best: tuple[str, float] | None, public_url: str) -> Message:
    """Describe the end of a run. `best` is a metric's name and value. Without a URL the message has no link."""
    on = f" on {run.dataset}" if run.dataset else ""
    duration_s = seconds_between(run.started_at, run.ended_at)
    lines = [
        f"Run {run.run_id}: {run.config_name or 'unknown experiment'}{on}",
        f"Reason: {run.reason}" if run.reason else None,
        f"Best {best[0]}: {best[1]:.6g}" if best is not None else None,
        f"Duration: {_duration(round(duration_s))}" if duration_s is not None else None,
        f"{public_url}/runs/{run.run_id}" if public_url else None,
    ]
    return Message(f"{run.model_name or 'Run'}: {run.state}", "\n".join(filter(None, lines)), KINDS[run.state])


def describe_empty_queue(public_url: str) -> Message:
    lines = ["No run is active or queued.", f"{public_url}/start" if public_url else None]
    return Message("The queue is empty", "\n".join(filter(None, lines)), "info")


def _duration(seconds: int) -> str:
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 1:
        return f"{seconds} s"
    if hours < 1:
        return f"{minutes} min {seconds % 60} s"
    return f"{hours} h {minutes % 60} min" if days < 1 else f"{days} d {hours % 24} h"
