"""Follow a run live, and print its metrics and their epochs as JSON when it ends.

    python -m docs.examples.follow URL [RUN_ID]

No data is lost or duplicated when the connection breaks. In another language, see docs/live.md and follow.mjs.
"""

from __future__ import annotations

import json
import math
import os
import sys
from typing import Any

from app.cli.client import Client
from app.cli.events import EpochChanged, LogWritten, RowsLogged, RunChanged
from app.cli.exceptions import ClientError


def follow(client: Client, run_id: str | None) -> dict[str, Any]:
    """Return everything of a run when it has ended."""
    run: dict[str, Any] = {}
    rows: list[dict[str, float]] = []
    epochs: dict[float, dict[str, float | None]] = {}
    log = ""
    for event in client.follow(run_id):
        if isinstance(event, RunChanged):
            run = event.run
        elif isinstance(event, RowsLogged):
            rows[event.from_row :] = event.rows
            if event.from_row == 0:  # The first rows, or the program has started its file again.
                epochs = {}
        elif isinstance(event, EpochChanged):
            epochs[event.epoch] = event.metrics
        elif isinstance(event, LogWritten):
            log = log + event.text if event.offset else event.text
    finite = [{name: value for name, value in row.items() if math.isfinite(value)} for row in rows]
    return {"run": run, "rows": finite, "epochs": epochs, "log": log}


def main() -> int:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    url, run_id = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    try:
        with Client(url, os.environ.get("TRAINING_API_TOKEN")) as client:
            json.dump(follow(client, run_id), sys.stdout)
    except ClientError as error:
        sys.exit(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
