"""The supervisor: what a subscriber gets from a process that has just begun."""

from __future__ import annotations

import threading
from pathlib import Path

from app import domain
from app.runs.follow.position import Position
from app.settings import Settings
from tests.app.written import write_run

NUM_ROWS = 50_000


def test_a_new_process_lets_a_client_that_has_more_keep_it(tmp_path: Path) -> None:
    """The client has followed the run with another worker, or before a restart. Reading the file takes seconds."""
    names = [f"m{number}" for number in range(20)]
    rows = "".join(f"{row},{','.join(['0.123456'] * 20)}\n" for row in range(NUM_ROWS))
    log = b"line\n" * 40_000
    write_run(tmp_path / "runs", "long", metrics=f"step,{','.join(names)}\n{rows}", log=log)
    settings = Settings.from_environment({"TRAINING_RUNS_DIR": str(tmp_path / "runs")})
    supervisor = domain.build(settings, lambda compute: compute(), threading.Lock).supervisor
    answer = supervisor.subscribe(None, Position(NUM_ROWS - 1, len(log) - 5), lambda: None).body
    assert (answer["from_row"], len(answer["rows"]), answer["num_rows"]) == (NUM_ROWS - 1, 1, NUM_ROWS)
    assert (answer["log"]["offset"], answer["log"]["text"]) == (len(log) - 5, "line\n")
