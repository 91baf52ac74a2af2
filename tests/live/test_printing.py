"""Programs that only print: patterns make metrics of their logs, and bars show their progress."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.conftest import on_eventlet
from tests.live.files import wait_until_over
from tests.live.following import following
from tests.servers import LiveServer
from tests.waiting import wait_until

PATTERNS = {
    "plain": [
        r"Train Epoch: (?P<epoch>\d+) .*Loss: (?P<train_loss>[\d.]+)",
        r"Average loss: (?P<val_loss>[\d.]+), Accuracy: \S+ \((?P<val_acc>\d+)%\)",
    ],
    "bars": [
        r"Epoch (?P<epoch>\d+)/3: .*, loss=(?P<train_loss>[\d.]+)",
        r"Epoch (?P<epoch>\d+): val_loss=(?P<val_loss>[\d.]+) val_acc=(?P<val_acc>[\d.]+)",
    ],
    "dicts": [
        r"'loss': '(?P<loss>[\d.]+)', .*'epoch': (?P<epoch>[\d.]+)",
        r"'eval_loss': '(?P<eval_loss>[\d.]+)', 'eval_accuracy': (?P<eval_accuracy>[\d.]+), 'epoch': (?P<epoch>[\d.]+)",
    ],
}
EPOCHS = (1, 2, 3)
ROWS: dict[str, list[dict[str, Any]]] = {
    "plain": [
        row
        for epoch in EPOCHS
        for row in (
            *({"epoch": epoch, "train/loss": round(2 / (epoch + batch / 40), 6)} for batch in (0, 10, 20, 30)),
            {"epoch": epoch, "val/loss": round(1 / epoch, 4), "val/acc": 80 + 5 * epoch},
        )
    ],
    "bars": [
        row
        for epoch in EPOCHS
        for row in (
            {"epoch": epoch, "train/loss": round(2 / (epoch + 39 / 40), 4)},
            {"epoch": epoch, "val/loss": round(1 / epoch, 4), "val/acc": round(0.7 + epoch / 20, 3)},
        )
    ],
    "dicts": [
        row
        for epoch in EPOCHS
        for row in (
            *({"epoch": epoch - 1 + half, "loss": round(2 / (epoch + half), 4)} for half in (0.5, 1)),
            {"epoch": epoch, "eval_loss": round(1 / epoch, 4), "eval_accuracy": round(0.5 + epoch / 10, 3)},
        )
    ],
}


def write_printing(server: LiveServer, style: str, go: Path) -> str:
    config = server.write_command(style, "print_metrics.py", style, str(go))
    with open(server.configs_dir / config, "a", encoding="utf-8") as file:
        file.write(f"log: {json.dumps({'patterns': PATTERNS[style]})}\n")
    return config


def rows_of(server: LiveServer, run_id: str) -> list[dict[str, Any]]:
    answer = server.get(f"/training/metrics/runs/{run_id}")
    rows = answer.json()["data"] if answer.ok else []
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


@on_eventlet
def test_what_a_program_prints_becomes_metrics_and_progress(own_server: LiveServer) -> None:
    server = own_server
    go = server.home / "go"
    go.write_text("1")
    with following(server) as client:
        run_id = server.start_run(write_printing(server, "bars", go))
        wait_until(lambda: len(client.rows) == 2, 20, lambda: client.rows)
        progress = {"source": "log", "scope": "training", "epoch": 1, "max_epochs": 3, "percent": 33.3}
        wait_until(lambda: progress.items() <= (client.progress or {}).items(), 10, lambda: client.progress)
        wait_until(lambda: progress.items() <= server.get("/training/status").json()["progress"].items(), 10)
        assert progress.items() <= server.run(run_id)["progress"].items()

        server.kill()
        go.write_text("2")
        wait_until(lambda: "Epoch 2: val_loss" in (server.runs_dir / run_id / "train.log").read_text(), 10)
        server.start()
        wait_until(lambda: rows_of(server, run_id) == ROWS["bars"][:4], 10, lambda: rows_of(server, run_id))
        go.write_text("3")
        wait_until_over(client)
        assert [{n: v for n, v in row.items() if v is not None} for row in client.rows] == ROWS["bars"]
        assert client.progress is not None
        assert (client.progress["percent"], client.progress["epoch"]) == (100, 3)
    assert rows_of(server, run_id) == ROWS["bars"]
    assert list(client.epochs) == [1, 2, 3]

    for style in ("plain", "dicts"):
        run_id = server.start_run(write_printing(server, style, go))
        run = server.wait_for_state(run_id, "completed")
        assert run["progress"]["percent"] == 100
        assert rows_of(server, run_id) == ROWS[style]
