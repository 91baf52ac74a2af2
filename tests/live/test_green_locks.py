"""Under eventlet no real thread takes a lock of green threads. One that waited for it would wait for ever."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.written import METRICS, write_command_run, write_files, write_run
from tests.conftest import end
from tests.live.asking import ask_everything
from tests.servers import ROOT, LiveServer


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[LiveServer]:
    """An eventlet server that records such locks. The test starts it."""
    server = LiveServer(tmp_path, "eventlet", TRAINING_MAX_ACTIVE="2")
    server.wrapper = [sys.executable, str(ROOT / "tests/programs/record_green_locks.py"), str(tmp_path / "locks")]
    yield server
    end(server)


def test_no_thread_of_the_pool_takes_a_green_lock(recorded: LiveServer) -> None:
    ended = write_run(recorded.runs_dir, "2026-01-01_00-00-00", metrics=METRICS, log=b"log\n", progress="{}")
    collected = write_command_run(recorded.runs_dir, "2026-01-02_00-00-00", ["*.onnx"])
    write_files(collected / "output", "metrics.jsonl", content=b'{"epoch": 0, "loss": 1}\n')
    write_files(collected / "output", "a.onnx")
    foreign = recorded.runs_dir / "copied"
    write_files(foreign, "trainer_state.json", content=b'{"log_history": [{"epoch": 0.5, "loss": 1}]}')
    recorded.start()
    config = recorded.write_command("w", "wait_for_file.py", "/nonexistent")
    active = recorded.start_run(config)
    queued = [recorded.post("/training/start", {"config_name": config, "queue": True}).json()["run_id"] for _ in "ab"]
    for run_id in (ended.name, collected.name, foreign.name, active, *queued):
        ask_everything(recorded, run_id)
        with recorded.client() as client:
            client.call("subscribe", {"run_id": run_id}, namespace="/training", timeout=20)
    assert recorded.post("/training/check", {"config_name": config}).status_code == 200
    assert recorded.delete(f"/training/models/{foreign.name}").ok
    places = (recorded.home / "locks").read_text().splitlines()
    assert [place for place in places if place.startswith(str(ROOT / "app"))] == []
