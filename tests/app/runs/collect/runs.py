"""Runs of a command whose metrics the tests collect."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.runs.store.run import Run
from tests.app.written import write_json
from trainer.rundir import RunDir


def command_run(folder: Path, state: str = "running", patterns: Sequence[str] = (), **metrics: Any) -> Run:
    """Make a run of a command. `metrics` is what its experiment declares: files, columns, better, monitor."""
    outputs = {
        "metrics": {"files": [], "columns": {}, "better": {}, "monitor": None} | metrics,
        "log": {"patterns": list(patterns)},
    }
    (folder / "output").mkdir(parents=True, exist_ok=True)
    write_json(folder / "run.json", {"request": {}, "outputs": outputs})
    return Run(RunDir(folder), state, None, {})


def write(run: Run, name: str, text: str) -> Path:
    """Write a file of the program."""
    path = run.directory.output / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
