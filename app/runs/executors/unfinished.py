"""Find the runs that may still be alive, from their files alone."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from app.runs.executors.executor import Ref
from app.runs.names import is_plain_name
from trainer.rundir import RunDir
from trainer.runner.statefile import has_verdict, read_record


def run_names(runs_dir: Path) -> frozenset[str]:
    """Return the names of all runs. Empty if the folder cannot be read."""
    try:
        return frozenset(filter(is_plain_name, os.listdir(runs_dir)))
    except OSError:
        return frozenset()


def find_unfinished(runs_dir: Path, names: Iterable[str]) -> list[Ref]:
    """List the submitted ones of these runs that have neither a verdict nor a recorded end."""
    runs = (RunDir(runs_dir / name) for name in names)
    refs = (Ref.read(run) for run in runs if not has_verdict(read_record(run)))
    return [ref for ref in refs if ref.executor is not None and ref.ended is None]
