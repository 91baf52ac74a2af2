"""A service with a queue behind an active run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.runs.start.domain import WAIT_FOR_STOP, Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service whose only slot is held by a run."""
    service = Service(tmp_path)
    active = service.start(service.python(WAIT_FOR_STOP))
    yield service
    for run in service.store.active():
        service.stop(run.run_id, "discard")
    assert service.store.find(active.run_id).is_over
