"""Build the answer to Prometheus."""

from __future__ import annotations

import os

from flask import Flask
from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from app.domain import Domain
from app.monitoring.collector import DomainCollector
from app.monitoring.process import ProcessMetrics
from app.monitoring.requests import RequestMetrics
from app.runs.child import SHARED_METRICS_VARIABLE


class Monitoring:
    """All metrics of the service."""

    def __init__(self, app: Flask) -> None:
        """Count the requests of `app` from now on."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # They would double the number of series.
        self._own = CollectorRegistry()
        self.process = ProcessMetrics(self._own)
        RequestMetrics(self._own).register(app)

    def encode(self, domain: Domain, accept: str) -> tuple[bytes, str]:
        """Return the metrics in the format that `accept` asks for, and its content type. Raises RunsUnreadable."""
        registry = self._own
        if SHARED_METRICS_VARIABLE in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        encode, content_type = choose_encoder(accept)
        whole = CollectorRegistry()
        whole.register(registry)
        whole.register(DomainCollector(domain))
        return encode(whole), content_type
