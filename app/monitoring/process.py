"""What only one process of the service knows: its socket clients, and when its supervisor last read the runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Gauge

from app.runs.follow.events import Event, SystemMeasured


class ProcessMetrics:
    """The gauges of one process, set once a second. Those of dead processes do not count."""

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

    def observing(
        self,
        publish: Callable[[Sequence[Event]], None],
        count_clients: Callable[[], int],
        polled_at: Callable[[], float],
    ) -> Callable[[Sequence[Event]], None]:
        """Return a `publish` that also sets the gauges whenever the supervisor measures the machine."""

        def publish_and_observe(events: Sequence[Event]) -> None:
            publish(events)
            if any(isinstance(event, SystemMeasured) for event in events):
                self._clients.set(count_clients())
                self._last_poll.set(polled_at())

        return publish_and_observe
