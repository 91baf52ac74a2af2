"""Metrics as returned by a service with pandas: `read_csv`, a loop over rows that turns NaN into None, `json.dumps`.

The usual FastAPI service for a training works so, without a cache between requests.
`python -m benchmarks.baselines.pandas_metrics PORT CSV` serves it under uvicorn. `/metrics` returns all rows.
`/metrics?since_row=` skips the earlier rows before the loop. The endpoint returns text, because FastAPI's own encoder
is slower.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import uvicorn
from fastapi import FastAPI, Response


def answer(path: Path, since_row: int = 0) -> str:
    """Return the metrics of a file as JSON."""
    table = pd.read_csv(path)
    rows = table.iloc[since_row:].iterrows()
    data = [{name: None if pd.isna(value) else value for name, value in row.items()} for _, row in rows]
    return json.dumps(
        {
            "available_columns": list(table.columns),
            "total_rows": len(table),
            "max_epoch": int(table["epoch"].max()),
            "max_step": int(table["step"].max()),
            "data": data,
        }
    )


def main() -> None:
    app, path = FastAPI(), Path(sys.argv[2])

    @app.get("/ping")
    def ping() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics")
    def metrics(since_row: int = 0) -> Response:
        return Response(answer(path, since_row), media_type="application/json")

    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")


if __name__ == "__main__":
    main()
