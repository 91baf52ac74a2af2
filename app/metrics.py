"""The metrics of the runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, current_app

from app import schemas
from app.domain import domain
from app.extensions import Blueprint
from app.runs.catalogue import Wanted

blp = Blueprint("metrics", __name__, url_prefix="/training/metrics", description="The metrics of the runs.")


@blp.get("/latest")
@blp.arguments(schemas.MetricsQuerySchema, location="query")
@blp.response(200, schemas.MetricsSchema)
@blp.errors(404, shapes={422: schemas.MetricsErrorSchema})
def get_latest_metrics(query: dict[str, Any]) -> Response:
    """The metrics of the run started last."""
    return _answer(domain().views.latest_run_id(), query)


@blp.get("/runs")
@blp.arguments(schemas.RunsQuerySchema, location="query")
@blp.response(
    200,
    schemas.RunListItemSchema(many=True),
    headers={"X-Total-Count": {"description": "Runs without limit and offset.", "schema": {"type": "integer"}}},
)
@blp.errors(422)
def list_runs(query: dict[str, Any]) -> Response:
    """List the runs, newest first unless sorted. The header X-Total-Count tells how many there are in all."""
    catalogue, encode = domain().catalogue, current_app.json.dumps
    items, total = current_app.extensions["offload"](lambda: catalogue.page(Wanted(**query)))
    return Response(encode(items), mimetype="application/json", headers={"X-Total-Count": str(total)})


@blp.get("/runs/<run_id>")
@blp.arguments(schemas.MetricsQuerySchema, location="query")
@blp.response(200, schemas.MetricsSchema)
@blp.errors(404, shapes={422: schemas.MetricsErrorSchema})
def get_metrics(query: dict[str, Any], run_id: str) -> Response:
    """The metrics of a run, row by row as they were logged."""
    return _answer(run_id, query)


@blp.get("/runs/<run_id>/summary")
@blp.response(200, schemas.SummarySchema)
@blp.errors(404, shapes={422: schemas.MetricsErrorSchema})
def get_metrics_summary(run_id: str) -> Response:
    """Totals, best and final values. The best of a name holding "loss" or "error" is its minimum, else its maximum."""
    return _compute(domain().views.summary, run_id)


def _answer(run_id: str, query: dict[str, Any]) -> Response:
    columns = query["columns"]
    wanted = None if columns is None else columns.split(",")
    return _compute(domain().views.metrics, run_id, query["since_row"], query["max_points"], wanted)


def _compute(view: Callable[..., dict[str, Any]], *arguments: Any) -> Response:
    """Answer with what a view says, computed where it holds up nobody: a long file takes a second.

    Not dumped through its schema, which would take longer than reading the file: every value is a number already.
    """
    encode, offload = current_app.json.dumps, current_app.extensions["offload"]
    return Response(offload(lambda: encode(view(*arguments))), mimetype="application/json")
