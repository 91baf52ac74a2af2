"""The resource `queue`: the runs that wait for their turn."""

from __future__ import annotations

from typing import Any

from flask import Response

from app.domain import domain
from app.rest.api import Blueprint
from app.rest.encoding import offloaded
from app.schemas.queue import QueueSchema
from app.schemas.requests import MoveRequestSchema

blp = Blueprint("queue", __name__, url_prefix="/training/queue", description="The runs that wait for their turn.")


@blp.get("")
@blp.answers(200, QueueSchema)
@blp.errors()
def get_queue() -> Response:
    """Return the queued runs in the order in which they start, and whether the queue is paused."""
    return _queue()


@blp.patch("/<run_id>")
@blp.arguments(MoveRequestSchema)
@blp.answers(200, QueueSchema)
@blp.errors(400, 404, 409, 413, 422)
def move_run(asked: dict[str, Any], run_id: str) -> Response:
    """Move a queued run to another place. To cancel it, stop it."""
    domain().queue.move(run_id, asked["position"])
    return _queue()


@blp.post("/pause")
@blp.answers(200, QueueSchema)
@blp.errors()
def pause_queue() -> Response:
    """Start no more queued runs. Active runs go on."""
    domain().queue.pause(is_paused=True)
    return _queue()


@blp.post("/resume")
@blp.answers(200, QueueSchema)
@blp.errors()
def resume_queue() -> Response:
    """Start queued runs again."""
    domain().queue.pause(is_paused=False)
    return _queue()


def _queue() -> Response:
    queue, obstacle = domain().queue, domain().service.obstacle
    return offloaded(lambda: queue.describe(obstacle))
