"""How a service lists runs that keeps nothing: it goes through all directories and reads the JSON files of each.

It stands for the usual list of runs beside a training, sorted by time, of which the page wanted is cut out at the end.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def list_runs(runs_dir: Path) -> list[dict[str, Any]]:
    """All runs, newest first."""
    runs = []
    for path in runs_dir.iterdir():
        if path.is_dir():
            birth, state = (json.loads((path / name).read_text()) for name in ("run.json", "state.json"))
            metrics = sorted(path.glob("csv/version_*/metrics.csv"))
            runs.append({**birth, "status": state["state"], "metrics_file": str(metrics[-1]) if metrics else None})
    return sorted(runs, key=lambda run: str(run["run_id"]), reverse=True)
