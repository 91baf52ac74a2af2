"""A list of runs without a cache: visit all directories and read their JSON files.

Small training services usually list their runs so, sort them by time, and cut out the requested page at the end.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def list_runs(runs_dir: Path) -> list[dict[str, Any]]:
    """Return all runs, newest first."""
    runs = []
    for path in runs_dir.iterdir():
        if path.is_dir():
            manifest, state = (json.loads((path / name).read_text()) for name in ("run.json", "state.json"))
            metrics = sorted(path.glob("csv/version_*/metrics.csv"))
            runs.append({**manifest, "status": state["state"], "metrics_file": str(metrics[-1]) if metrics else None})
    return sorted(runs, key=lambda run: str(run["run_id"]), reverse=True)
