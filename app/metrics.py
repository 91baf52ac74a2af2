"""The metrics of the runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from flask import Response, current_app, request

from app import schemas
from app.domain import domain
from app.extensions import AS_IT_WAS, Blueprint, encode_each
from app.runs.catalogue import Wanted
from app.runs.rows import WantedRows
from app.runs.stamps import Stamp
from app.runs.table import identify

blp = Blueprint("metrics", __name__, url_prefix="/training/metrics", description="The metrics of the runs.")


@blp.get("/latest")
@blp.arguments(schemas.MetricsQuerySchema, location="query")
@blp.response(200, schemas.MetricsSchema)
@blp.alt_response(304, description=AS_IT_WAS)
@blp.errors(404, shapes={422: schemas.MetricsErrorSchema})
def get_latest_metrics(query: dict[str, Any]) -> Response:
    """The metrics of the run started last."""
    return _rows(domain().views.latest_run_id(), query)


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
    catalogue, offload = domain().catalogue, current_app.extensions["offload"]
    items, total = offload(lambda: catalogue.page(Wanted(**query)))
    headers = {"X-Total-Count": str(total)}
    return Response(offload(lambda: encode_each(items)), mimetype="application/json", headers=headers)


@blp.get("/runs/<run_id>")
@blp.arguments(schemas.MetricsQuerySchema, location="query")
@blp.response(200, schemas.MetricsSchema)
@blp.alt_response(304, description=AS_IT_WAS)
@blp.errors(404, shapes={422: schemas.MetricsErrorSchema})
def get_metrics(query: dict[str, Any], run_id: str) -> Response:
    """The metrics of a run, row by row as they were logged."""
    return _rows(run_id, query)


@blp.get("/runs/<run_id>/summary")
@blp.response(200, schemas.SummarySchema)
@blp.alt_response(304, description=AS_IT_WAS)
@blp.errors(404, shapes={422: schemas.MetricsErrorSchema})
def get_metrics_summary(run_id: str) -> Response:
    """Totals, best and final values. Only a metric whose direction is known has a best value."""
    views = domain().views
    path = views.metrics_file(run_id)
    return _answer(run_id, path, {}, lambda: _whole(*views.summary(run_id, path)))


def _rows(run_id: str, query: dict[str, Any]) -> Response:
    """Not dumped through the schema, which would take longer than reading the file: every value is a number already."""
    columns = query["columns"]
    names = None if columns is None else tuple(columns.split(","))
    wanted = WantedRows(query["since_row"], query["max_points"], names)
    views = domain().views
    path = views.metrics_file(run_id)
    return _answer(run_id, path, query, lambda: views.metrics(run_id, path, wanted))


def _whole(stamp: Stamp, answer: dict[str, Any]) -> tuple[Stamp, Iterator[bytes]]:
    return stamp, iter([json.dumps(answer).encode()])


def _answer(
    run_id: str, path: Path, query: dict[str, Any], make: Callable[[], tuple[Stamp, Iterator[bytes]]]
) -> Response:
    """Answer from a metrics file: 304 where the client has what would be said, else what `make` tells, in pieces.

    Each piece is made where it holds up nobody, and sent before the next.
    """
    offload = current_app.extensions["offload"]
    tag = _tag(run_id, path, query, identify(path))
    if request.if_none_match.contains(tag):
        response = Response(status=304)
    else:
        stamp, pieces = offload(make)
        tag = _tag(run_id, path, query, stamp)
        begin, more = next(pieces), offload(lambda: next(pieces, None))
        rest = iter(lambda: offload(lambda: next(pieces, None)), None)
        response = Response(begin if more is None else chain([begin, more], rest), mimetype="application/json")
    response.set_etag(tag)
    response.headers["Cache-Control"] = "no-cache"  # Kept, but asked for each time.
    return response


def _tag(run_id: str, path: Path, query: dict[str, Any], stamp: Stamp) -> str:
    said = repr((request.endpoint, run_id, str(path), sorted(query.items()), stamp))
    return hashlib.sha256(said.encode(errors="surrogateescape")).hexdigest()[:32]
