"""Metrics that are not one CSV file: collected once, whatever happens to the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import end
from tests.live.files import rest_rows, wait_until_over
from tests.live.following import following
from tests.live.processes import wait_for_log
from tests.servers import LiveServer
from tests.waiting import wait_until

DECLARED = {"files": ["train.jsonl", "val.csv"], "columns": {"val/loss": "validation"}, "better": {"score": "lower"}}


@pytest.fixture
def two_workers(tmp_path: Path) -> Iterator[LiveServer]:
    """Two processes that follow the same run, each for its own clients. One of them collects."""
    server = LiveServer(tmp_path, "gunicorn", workers=2).start()
    yield server
    end(server)


def append(path: Path, text: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_collected_rows_come_once_over_kills_of_the_server(two_workers: LiveServer) -> None:
    server = two_workers
    config = server.write_command("w", "wait_for_file.py", "{output_dir}/end")
    config_path = server.configs_dir / config
    config_path.write_text(config_path.read_text() + f"metrics: {json.dumps(DECLARED)}\n")
    with following(server) as client, following(server) as other:
        run_id = server.start_run(config)
        wait_for_log(server, run_id, "ready")
        output = server.runs_dir / run_id / "output"
        missing = server.get(f"/training/metrics/runs/{run_id}")
        assert missing.status_code == 404
        assert "No file matches train.jsonl, val.csv in output/ yet" in missing.json()["message"]

        append(output / "train.jsonl", lines({"epoch": 0.5, "loss": 2.0}) + '{"epoch": 1.0, "lo')
        expected: list[dict[str, float]] = [{"epoch": 0.5, "loss": 2.0}]
        wait_until(lambda: client.rows == other.rows == expected, 20, lambda: (client.rows, other.rows))
        server.kill()
        append(output / "train.jsonl", 'ss": 1.5}\n' + lines({"epoch": 1.5, "loss": 1.25, "score": 7}))
        server.start()
        expected += [{"epoch": 1.0, "loss": 1.5}, {"epoch": 1.5, "loss": 1.25, "score": 7}]
        wait_until(lambda: client.rows == other.rows == expected, 20, lambda: (client.rows, other.rows))
        server.kill()
        append(output / "val.csv", "epoch;loss\n1,5;1,75\n")
        append(output / "train.jsonl", lines({"epoch": 2, "loss": float("nan")}, {"epoch": 2, "loss": 1}))
        (output / "end").touch()
        server.start()
        wait_until_over(client)
        wait_until_over(other)
        # Two files have a loss now. So their rows get different names, and come again as another attempt.
        expected = [
            {"epoch": 0.5, "train/loss": 2.0},
            {"epoch": 1.0, "train/loss": 1.5},
            {"epoch": 1.5, "train/loss": 1.25, "score": 7},
            {"epoch": 2},
            {"epoch": 2, "train/loss": 1},
            {"epoch": 1.5, "validation": 1.75},
        ]
        by_epoch = sorted(expected, key=lambda row: (row["epoch"], "validation" in row))
        for rows in (client.rows, other.rows, rest_rows(server, run_id)):
            assert sorted(rows, key=lambda row: (row["epoch"], "validation" in row)) == by_epoch
    summary = server.get(f"/training/metrics/runs/{run_id}/summary").json()
    assert summary["best_metrics"] == {"best_train/loss": 1, "best_score": 7}
    assert summary["total_epochs"] == 2
    assert not [*client.violations, *other.violations]
