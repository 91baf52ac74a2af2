"""The shared server in the states that tests of the app need. Each test leaves it idle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import LiveServer


@pytest.fixture
def server(eventlet_server: LiveServer) -> LiveServer:
    """Run the tests of the app once, on eventlet, whose loop a view can block.

    `test_described_answers` sends each request to both servers.
    """
    return eventlet_server


@pytest.fixture
def shared(module_server: LiveServer) -> Iterator[LiveServer]:
    """The module's server without an active run. It may hold what other tests of the file left there."""
    yield module_server
    module_server.post("/training/stop", {"mode": "discard"})


@pytest.fixture
def empty(shared: LiveServer) -> LiveServer:
    """The shared server with no runs."""
    for run in shared.get("/training/metrics/runs").json():
        assert shared.delete(f"/training/models/{run['run_id']}").status_code == 200
    return shared


@pytest.fixture
def waiting(shared: LiveServer, tmp_path: Path) -> tuple[LiveServer, str, Path]:
    """A run that is active until its file appears."""
    end = tmp_path / "end"
    config = shared.write_command("waiting", "wait_for_file.py", str(end), "--on-term", "0")
    return shared, shared.start_run(config), end
