"""The gauges of one process of the service: its socket clients, and when its supervisor last read the runs."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge


class ProcessMetrics:
    """The gauges of one process, set once a second. Dead processes do not count."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._clients = Gauge(
            "training_socket_clients",
            "Clients that follow runs over a socket.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._last_poll = Gauge(
            "training_supervisor_last_poll_timestamp_seconds",
            "When the supervisor last read the runs without an error. Of several processes, the one furthest behind.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self._last_poll.set_to_current_time()

    def observe(self, num_clients: int, polled_at: float) -> None:
        """Set the gauges."""
        self._clients.set(num_clients)
        self._last_poll.set(polled_at)
