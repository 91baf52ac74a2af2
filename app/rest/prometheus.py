"""The metrics of the service itself, for Prometheus."""

from __future__ import annotations

from flask import Response, current_app, request

from app.domain import domain
from app.rest.api import Blueprint

blp = Blueprint("prometheus", __name__, description="The service itself, for Prometheus.")


@blp.get("/metrics")
@blp.answers(200, {"type": "string"}, content_type="text/plain")
@blp.errors()
def get_service_metrics() -> Response:
    """Return the metrics of the service: its runs, queue, machine, requests and sockets.

    The answer has Prometheus's text format, or OpenMetrics for a client that accepts it.
    """
    body, content_type = current_app.extensions["monitoring"].encode(domain(), request.headers.get("Accept", ""))
    return Response(body, content_type=content_type)
