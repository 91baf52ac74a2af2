"""The clients in docs/examples end up with the same data as the run's files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from tests.app.written import write_run
from tests.live.files import epochs_of, log_of, rows_of
from tests.servers import ROOT, LiveServer

EXAMPLES = ROOT / "docs" / "examples"
COMMANDS = {
    "python": [sys.executable, "-m", "docs.examples.follow"],
    "javascript": ["node", "--experimental-websocket", str(EXAMPLES / "follow.mjs")],
}

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")


@pytest.fixture(params=["python", pytest.param("javascript", marks=needs_node)])
def command(request: pytest.FixtureRequest) -> list[str]:
    return COMMANDS[request.param]


@pytest.fixture
def server(eventlet_server: LiveServer) -> LiveServer:
    """Run the tests once: the clients see the same protocol on both servers."""
    return eventlet_server


def run_example(command: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def assert_equals_run(text: str, server: LiveServer, run_id: str) -> None:
    received, run = json.loads(text), server.runs_dir / run_id
    assert received["run"]["run_id"] == run_id
    rows = [{name: value for name, value in row.items() if value is not None} for row in received["rows"]]
    assert rows == rows_of(run)
    assert {float(epoch): metrics for epoch, metrics in received["epochs"].items()} == epochs_of(run)
    assert received["log"] == log_of(run)


def test_a_client_gets_all_rows_of_a_long_run(server: LiveServer, command: list[str]) -> None:
    rows = "".join(f"{i // 100},{i},{i / 8},,1\n" for i in range(40_000))
    run = write_run(server.runs_dir, "2020-01-01_00-00-00", metrics="epoch,step,a,b,c\n" + rows, log=b"started\n")
    followed = run_example(command, server.url, run.name)
    assert followed.returncode == 0, followed.stderr
    assert_equals_run(followed.stdout, server, run.name)


def test_a_client_follows_a_run_from_its_start(server: LiveServer, command: list[str]) -> None:
    config = server.write_command(
        "m", "write_metrics.py", "{run_dir}", "--rows", "60", "--new-column-every", "20", "--pause", "0.02"
    )
    run_id = server.start_run(config)
    followed = run_example(command, server.url)
    assert followed.returncode == 0, followed.stderr
    assert_equals_run(followed.stdout, server, run_id)


def test_an_unknown_run_is_an_error(server: LiveServer, command: list[str]) -> None:
    followed = run_example(command, server.url, "unknown")
    assert followed.returncode == 1
    assert "unknown" in followed.stderr
