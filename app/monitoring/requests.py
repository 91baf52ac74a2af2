"""Count the HTTP requests and measure how long they take."""

from __future__ import annotations

import time

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNKNOWN = "other"
"""The label of unknown methods and paths. A client can invent any number of them."""
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)
"""Seconds."""


class RequestMetrics:
    """The requests that reach the app, by method, route and status.

    The servers answer some requests themselves. These are not counted: the page's files, sockets, and invalid HTTP.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "training_http_requests", "HTTP requests.", ["method", "route", "status"], registry=registry
        )
        self._duration = Histogram(
            "training_http_request_duration_seconds",
            "Time until the answer to an HTTP request begins.",
            ["method", "route"],
            buckets=BUCKETS,
            registry=registry,
        )

    def register(self, app: Flask) -> None:
        """Measure every request from now on. Call this before any other hook is registered."""
        app.before_request(_begin)
        app.after_request(self._end)

    def _end(self, response: Response) -> Response:
        method = request.method if request.method in METHODS else UNKNOWN
        route = request.url_rule.rule if request.url_rule is not None else UNKNOWN
        self._requests.labels(method, route, str(response.status_code)).inc()
        self._duration.labels(method, route).observe(time.perf_counter() - g.began_at)
        return response


def _begin() -> None:
    g.began_at = time.perf_counter()
