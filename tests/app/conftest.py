"""A server that all tests of a module share. Each test leaves it idle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import end
from tests.servers import KINDS, LiveServer


@pytest.fixture(scope="module", params=KINDS)
def module_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    server = LiveServer(tmp_path_factory.mktemp("shared"), request.param, TRAINING_STOP_GRACE_S="5")
    server.start()
    yield server
    end(server)


@pytest.fixture
def shared(module_server: LiveServer) -> Iterator[LiveServer]:
    """The module's server, once per kind. It may hold runs and experiments of other tests, but no run is active."""
    yield module_server
    module_server.post("/training/stop", {"mode": "discard"})


@pytest.fixture
def empty(shared: LiveServer) -> LiveServer:
    """The module's server with no runs."""
    for run in shared.get("/training/metrics/runs").json():
        assert shared.delete(f"/training/models/{run['run_id']}").status_code == 200
    return shared


@pytest.fixture
def waiting(shared: LiveServer, tmp_path: Path) -> tuple[LiveServer, str, Path]:
    """A run that is active until its file appears."""
    end = tmp_path / "end"
    config = shared.write_command("waiting", "wait_for_file.py", str(end), "--on-term", "0")
    return shared, shared.start_run(config), end
