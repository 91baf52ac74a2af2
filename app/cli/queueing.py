"""The queue of the service, for the client."""

from __future__ import annotations

from typing import Any

from app.cli.rest import Rest

QUEUE = ("training", "queue")


class Queue:
    """The runs that wait. Each method returns the queue as it then is."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def list(self) -> dict[str, Any]:
        return dict(self._rest.get(*QUEUE))

    def move(self, run_id: str, position: int) -> dict[str, Any]:
        """Move a run to a position, counted from 1."""
        return dict(self._rest.call("PATCH", *QUEUE, run_id, body={"position": position}))

    def cancel(self, run_id: str) -> dict[str, Any]:
        """Remove a run from the queue. Its state is then `stopped`. A run that has begun is refused and continues."""
        return dict(self._rest.call("DELETE", *QUEUE, run_id))

    def pause(self) -> dict[str, Any]:
        """Start no more queued runs. Active runs continue."""
        return dict(self._rest.call("POST", *QUEUE, "pause"))

    def resume(self) -> dict[str, Any]:
        return dict(self._rest.call("POST", *QUEUE, "resume"))
