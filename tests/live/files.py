"""A run's files, read as simply as possible, to compare with what the service reports."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

from tests.live.follower_client import FollowerClient
from tests.servers import LiveServer
from tests.waiting import wait_until
from trainer.runner.verdict import VERDICTS


def rows_of(run_path: Path) -> list[dict[str, float]]:
    """Return the rows of metrics.csv by column name, without blank and non-finite cells."""
    return [{name: v for name, v in row.items() if math.isfinite(v)} for row in _logged(run_path)]


def epochs_of(run_path: Path) -> dict[int, dict[str, float | None]]:
    """Return each epoch's metrics. The last value logged in an epoch wins; a non-finite value becomes None."""
    epochs: dict[int, dict[str, float | None]] = {}
    for row in _logged(run_path):
        merged = epochs.setdefault(int(row["epoch"]), {})
        merged |= {n: v if math.isfinite(v) else None for n, v in row.items() if n not in ("epoch", "step")}
    return epochs


def _logged(run_path: Path) -> list[dict[str, float]]:
    while True:  # The program may rewrite the file with another header during the read.
        with open(_metrics_of(run_path), newline="", encoding="utf-8") as file:
            text = file.read()
            file.seek(0)
            if file.readline() == text.partition("\n")[0] + "\n":
                break
    whole = io.StringIO(text[: text.rfind("\n") + 1], newline="")
    return [{name: float(cell) for name, cell in row.items() if cell} for row in csv.DictReader(whole)]


def _metrics_of(run_path: Path) -> Path:
    """Return the path of metrics.csv, which the run of a command experiment has below output/."""
    relative = Path("csv", "version_0", "metrics.csv")
    return next(path for path in (run_path / "output" / relative, run_path / relative) if path.exists())


def log_of(run_path: Path) -> str:
    return (run_path / "train.log").read_bytes().decode("utf-8", errors="replace")


def wait_until_over(client: FollowerClient, timeout_s: float = 30) -> None:
    """Return once the client knows that the run has ended and has no request in flight."""
    wait_until(lambda: client.is_synchronised and client.state in VERDICTS, timeout_s, lambda: client.events[-3:])


def wait_until_it_has_all(client: FollowerClient, server: LiveServer, timeout_s: float = 60) -> None:
    """Return once the client has the end, all rows and the whole log. A client far behind gets them in chunks."""
    wait_until_over(client, timeout_s)
    run_path = server.runs_dir / str(client.run_id)
    whole = len(rows_of(run_path)), (run_path / "train.log").stat().st_size
    wait_until(lambda: (len(client.rows), client.log_offset) == whole, timeout_s, lambda: (whole, client.num_gaps))


def assert_equals_files(client: FollowerClient, server: LiveServer) -> None:
    """Assert that the client's rows, epochs and log equal the files, without a loss or a duplicate."""
    assert client.run_id is not None
    run_path = server.runs_dir / client.run_id
    rows = rows_of(run_path)
    assert not client.violations, [text[:200] for text in client.violations[:5]]
    assert len(client.rows) == len(rows)
    assert client.rows == rows
    assert client.epochs == epochs_of(run_path)
    assert client.log == log_of(run_path)
    assert client.log_offset == (run_path / "train.log").stat().st_size


def rest_rows(server: LiveServer, run_id: str, **query: Any) -> list[dict[str, float]]:
    answer = server.get(f"/training/metrics/runs/{run_id}", params=query)
    assert answer.status_code == 200, answer.text
    return [{name: value for name, value in row.items() if value is not None} for row in answer.json()["data"]]
