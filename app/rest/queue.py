"""The resource `queue`: the runs that wait for their turn."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from app.domain import domain
from app.rest.api import Blueprint
from app.rest.encoding import offloaded
from app.schemas.queue import QueueSchema
from app.schemas.requests import MoveRequestSchema, PageQuerySchema

blp = Blueprint("queue", __name__, url_prefix="/training/queue", description="The queued runs.")


@blp.get("")
@blp.arguments(PageQuerySchema, location="query")
@blp.answers(200, QueueSchema)
@blp.errors(422)
def get_queue(query: dict[str, Any]) -> Response:
    """Return the queued runs, the next one first, and whether the queue is paused."""
    return _queue(**query)


@blp.patch("/<run_id>")
@blp.arguments(MoveRequestSchema)
@blp.arguments(PageQuerySchema, location="query")
@blp.answers(200, QueueSchema)
@blp.errors(400, 404, 409, 413, 422, 507)
def move_run(asked: dict[str, Any], query: dict[str, Any], run_id: str) -> Response:
    """Move a queued run to another position."""
    domain().queue.move(run_id, asked["position"])
    return _queue(**query)


@blp.delete("/<run_id>")
@blp.arguments(PageQuerySchema, location="query")
@blp.answers(200, QueueSchema)
@blp.errors(404, 409, 422)
def cancel_run(query: dict[str, Any], run_id: str) -> Response:
    """Remove a run from the queue. A run that is no longer queued is not affected (409)."""
    domain().stops.cancel(run_id, f"REST {request.remote_addr}")
    return _queue(**query)


@blp.post("/pause")
@blp.arguments(PageQuerySchema, location="query")
@blp.answers(200, QueueSchema)
@blp.errors(409, 422, 507)
def pause_queue(query: dict[str, Any]) -> Response:
    """Start no more queued runs. Active runs continue."""
    domain().queue.pause(is_paused=True)
    return _queue(**query)


@blp.post("/resume")
@blp.arguments(PageQuerySchema, location="query")
@blp.answers(200, QueueSchema)
@blp.errors(422, 507)
def resume_queue(query: dict[str, Any]) -> Response:
    """Start queued runs again."""
    domain().queue.pause(is_paused=False)
    return _queue(**query)


def _queue(offset: int, limit: int | None) -> Response:
    queue, service = domain().queue, domain().service
    return offloaded(lambda: queue.describe(service.obstacle, offset, limit) | service.capacity())
