"""Find the runs that may still be alive, from their files alone."""

from __future__ import annotations

import os
from pathlib import Path

from app.runs.executors.executor import Ref
from app.runs.names import is_plain_name
from trainer.rundir import RunDir
from trainer.runner.statefile import has_verdict, read_record


def find_unfinished(runs_dir: Path) -> list[Ref]:
    """List the submitted runs that have neither a verdict nor a recorded end."""
    try:
        names = [name for name in os.listdir(runs_dir) if is_plain_name(name)]
    except OSError:
        return []
    runs = (RunDir(runs_dir / name) for name in names)
    refs = (Ref.read(run) for run in runs if not has_verdict(read_record(run)))
    return [ref for ref in refs if ref.executor is not None and ref.ended is None]
