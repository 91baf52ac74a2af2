"""No run file and no request blocks the event loop of `python wsgi.py`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.app.written import write_metrics, write_model, write_run
from tests.conftest import end
from tests.live.following import following
from tests.live.processes import wait_for_log
from tests.servers import ROOT, LiveServer
from tests.waiting import wait_until

MAX_PAUSE_MS = 200
"""The limit in processor time, for any machine. We measured at most 76 ms, but seconds without the tested bounds."""

NUM_COLUMNS = 9_000
WIDE_HEADER = "epoch,step," + ",".join(f"val/loss_{i}" for i in range(NUM_COLUMNS)) + "\n"
METRICS = {
    "wide": WIDE_HEADER + "".join(f"{row},{row}" + ",1.5" * NUM_COLUMNS + "\n" for row in range(20)),
    "short lines": ",".join(["a"] * 3_000) + "\n" + "1\n" * 10_000,
    "blanks at the end": ",".join(["a"] * 100) + "\n" + "1\n" * 10_000,
    "too many columns": "," * 200_000 + "a\n1\n",
    "same names": ",".join(["a"] * 10_000) + "\n" + ",".join(["1"] * 10_000) + "\n",
    "an epoch a row": "epoch,step,train/loss\n" + "".join(f"{row},{row},0.5\n" for row in range(40_000)),
    "text": "epoch,step,a\n" + "".join(f"{row // 9},{row},text\n" for row in range(40_000)),
    "commas": "epoch,step,a\n" + ("1" + "," * 500_000 + "\n") * 3,
    "blank lines": "epoch,step,a\n" + "\n" * 500_000,
}
JSON = {
    "numbers": '{"request": {}, "a": [' + "1," * 4_000_000 + "1]}",
    "lists": '{"request": {}, "a": [' + "[]," * 2_700_000 + "1]}",
    "nesting": '{"request": ' + "[" * 4_000_000,
    "one text": '{"request": {}, "a": "' + "\\n" * 4_000_000 + '"}',
    "fitting": '{"request": {"a": [' + "1," * 190_000 + "1]}}",
}
LOGS = {"newlines": b"\n" * 4_000_000, "no text": b"\xff" * 4_000_000, "escapes": b"\x1b[0" * 1_300_000}


@pytest.fixture
def measured(tmp_path: Path) -> Iterator[LiveServer]:
    """An eventlet server that records its loop's pauses. The test starts it."""
    server = LiveServer(tmp_path, "eventlet")
    server.wrapper = [sys.executable, str(ROOT / "tests/programs/measure_pauses.py"), str(tmp_path / "pauses")]
    yield server
    end(server)


@contextmanager
def without_pause(server: LiveServer, what: str) -> Iterator[None]:
    log = server.home / "pauses"
    before = len(log.read_text())
    yield
    pauses = [float(line) for line in log.read_text()[before:].split()]
    assert max(pauses, default=0) < MAX_PAUSE_MS, what


def test_no_run_file_blocks_the_loop(measured: LiveServer) -> None:
    runs = {}
    for number, name in enumerate({**METRICS, **JSON, **LOGS}):
        run = write_run(measured.runs_dir, f"2026-01-01_00-00-{number:02d}", log=LOGS.get(name, b""))
        runs[name] = run.name
        if name in METRICS:
            write_metrics(run, METRICS[name])
        elif name in JSON:
            write_model(run)
            for file in ("run.json", "report.json", "progress.json", "state.json", "classification_model.json"):
                (run / file).write_text(JSON[name])
        else:
            (run / "config.yaml").write_text("a: [" + "[]," * 20_000 + "]")
            for index in range(2_000):
                (run / f"{index}.txt").touch()
    measured.start()
    for name, run_id in runs.items():
        with without_pause(measured, name):
            for path in (
                f"/runs/{run_id}",
                f"/training/runs/{run_id}",
                f"/training/runs/{run_id}/report",
                f"/training/runs/{run_id}/artifacts",
                f"/training/runs/{run_id}/log?limit=1000000&from_line=1",
                f"/training/runs/{run_id}/log/search?text=z",
                f"/training/metrics/runs/{run_id}?max_points=100",
                f"/training/metrics/runs/{run_id}?columns=a",
                f"/training/metrics/runs/{run_id}/summary",
            ):
                assert measured.get(path).status_code < 500, path
        with without_pause(measured, f"subscription to {name}"), measured.client() as client:
            client.call("subscribe", {"run_id": run_id}, namespace="/training", timeout=60)
    with without_pause(measured, "lists"):
        for path in ("metrics/runs?best=1", "metrics/runs?sort=-a", "models", "trained_models", "status"):
            assert measured.get(f"/training/{path}").ok, path
        (listed,) = (
            run for run in measured.get("/training/metrics/runs?best=1").json() if run["run_id"].endswith("00")
        )
        assert len(listed["best_metrics"]) == len(listed["directions"]) == 200


@pytest.mark.parametrize("name", ["wide", "an epoch a row", "text"])
def test_no_burst_of_an_active_run_blocks_the_loop(measured: LiveServer, name: str) -> None:
    """A follower also receives the whole burst in order."""
    run_id = measured.start().start_run(measured.write_command("w", "wait_for_file.py", "/nonexistent"))
    wait_for_log(measured, run_id, "ready")
    metrics = measured.home / "burst.csv"
    metrics.write_text(METRICS[name])
    with following(measured, run_id) as client:
        wait_until(lambda: client.is_synchronised, 10)
        with without_pause(measured, name):
            os.replace(metrics, measured.runs_dir / run_id / "output" / "metrics.csv")
            wait_until(lambda: len(client.rows) == METRICS[name].count("\n") - 1, 60, lambda: len(client.rows))
        assert client.violations == []


def test_no_request_blocks_the_loop(measured: LiveServer) -> None:
    measured.start()
    for number in range(3_000):
        (measured.configs_dir / f"{number}.yaml").write_text("model: {}")
        (measured.data_dir / f"d{number}" / "train").mkdir(parents=True)
    (measured.configs_dir / "long.yaml").write_text("".join(f"k{i}: [a, {{b: c}}]\n" for i in range(3_000)))
    headers = {"Content-Type": "application/json"}
    for path in ("configs", "configs/long.yaml", "datasets", "datasets/none", "metrics/runs?offset=2147483648"):
        with without_pause(measured, path):
            assert measured.get(f"/training/{path}").status_code < 500, path
    for body in (
        {f"field{i}": 1 for i in range(1_000)},
        {f"field{i}": 1 for i in range(9_000)},
        {"overrides": {f"field{i}": 1 for i in range(1_000)}},
        {"overrides": {"a": [[]] * 30_000}},
        {"config_name": "0.yaml", "overrides": {f"trainer.max_epochs{i}": 1 for i in range(200)}},
        {"config_name": "0.yaml", "train_data_dir": "/", "val_data_dir": "/", "test_data_dir": "/usr"},
    ):
        with without_pause(measured, json.dumps(body)[:50]):
            answer = measured.post("/training/check", data=json.dumps(body), headers=headers)
            assert answer.status_code in (400, 413, 422)
            assert len(answer.content) < 120_000
