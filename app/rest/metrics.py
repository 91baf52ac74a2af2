"""The resource `metrics`: rows and summaries of metrics files, and the list of runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any

import orjson
from flask import Response, request

from app.domain import domain
from app.rest.api import NOT_MODIFIED, Blueprint
from app.rest.encoding import encode_each
from app.runs.collect.runmetrics import MetricsFile
from app.runs.metrics.rows import WantedRows, encode
from app.runs.metrics.summary import describe
from app.runs.metrics.table import Table
from app.runs.views.catalogue import Wanted
from app.schemas.errors import MetricsErrorSchema
from app.schemas.metrics import MetricsSchema, RunListItemSchema, SummarySchema
from app.schemas.requests import MetricsQuerySchema, RunsQuerySchema

ERRORS = dict.fromkeys((404, 422), MetricsErrorSchema)

blp = Blueprint("metrics", __name__, url_prefix="/training/metrics", description="The metrics of runs.")


@blp.get("/latest")
@blp.arguments(MetricsQuerySchema, location="query")
@blp.answers(200, MetricsSchema)
@blp.answers(304, description=NOT_MODIFIED)
@blp.errors(shapes=ERRORS)
def get_latest_metrics(query: dict[str, Any]) -> Response:
    """Return the metrics of the run started last."""
    return _rows(domain().views.latest_run_id(), query)


@blp.get("/runs")
@blp.arguments(RunsQuerySchema, location="query")
@blp.answers(
    200,
    RunListItemSchema(many=True),
    headers={
        "X-Total-Count": {"description": "Number of runs before limit and offset.", "schema": {"type": "integer"}}
    },
)
@blp.errors(shapes={422: MetricsErrorSchema})
def list_runs(query: dict[str, Any]) -> Response:
    """List the runs, newest first unless sorted. The header X-Total-Count gives their total number."""
    catalogue, offload = domain().catalogue, domain().offload
    items, total = offload(lambda: catalogue.page(Wanted(**query)))
    headers = {"X-Total-Count": str(total)}
    return Response(offload(lambda: encode_each(items)), mimetype="application/json", headers=headers)


@blp.get("/runs/<run_id>")
@blp.arguments(MetricsQuerySchema, location="query")
@blp.answers(200, MetricsSchema)
@blp.answers(304, description=NOT_MODIFIED)
@blp.errors(shapes=ERRORS)
def get_metrics(query: dict[str, Any], run_id: str) -> Response:
    """Return a run's metrics, row by row as they were logged."""
    return _rows(run_id, query)


@blp.get("/runs/<run_id>/summary")
@blp.answers(200, SummarySchema)
@blp.answers(304, description=NOT_MODIFIED)
@blp.errors(shapes=ERRORS)
def get_metrics_summary(run_id: str) -> Response:
    """Return totals, best and final values. Only a metric whose direction is known has a best value."""

    def encode_summary(table: Table, found: MetricsFile) -> Iterator[bytes]:
        monitor = found.declared.monitor
        body = {"run_id": run_id, **describe(table), "monitor": monitor, "metrics_problem": found.problem}
        return iter([orjson.dumps(body)])

    return _answer(run_id, {}, encode_summary)


def _rows(run_id: str, query: dict[str, Any]) -> Response:
    columns = query["columns"]
    names = None if columns is None else tuple(columns.split(","))
    wanted = WantedRows(query["since_row"], query["max_points"], names)
    return _answer(run_id, query, lambda table, found: encode(run_id, table, wanted, found.problem))


def _answer(run_id: str, query: dict[str, Any], encode: Callable[[Table, MetricsFile], Iterator[bytes]]) -> Response:
    """Answer from a run's metrics file: 304 if the client's copy is current, else the content in chunks.

    Each chunk is computed where it blocks no other request, and sent before the next one is computed.
    """
    views, offload, known, endpoint = domain().views, domain().offload, request.if_none_match, request.endpoint

    def begin(found: MetricsFile, table: Table) -> tuple[str, list[bytes], Iterator[bytes]]:
        """Compute two chunks, so that an unreadable file is an error before anything is sent."""
        identity = repr((endpoint, run_id, found, sorted(query.items()), table.version))
        tag = hashlib.sha256(identity.encode(errors="surrogateescape")).hexdigest()[:32]
        is_current = known.contains_weak(tag)  # A proxy that compresses makes a tag weak.
        chunks = iter(()) if is_current else encode(table, found)
        return tag, list(islice(chunks, 2)), chunks

    tag, begun, chunks = offload(lambda: views.read_metrics(run_id, begin))
    if not begun:
        response = Response(status=304)
    else:
        rest = iter(lambda: offload(lambda: next(chunks, None)), None)
        response = Response(begun[0] if len(begun) == 1 else chain(begun, rest), mimetype="application/json")
    response.set_etag(tag)
    response.headers["Cache-Control"] = "no-cache"  # The browser keeps it, but asks each time.
    return response
