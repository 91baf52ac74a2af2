"""GET /training/status as in a usual small training service: FastAPI with a pydantic model, under uvicorn.

The endpoint is a plain `def`, because it reads files. It checks whether the process that it started is alive, and reads
the training's small JSON files. It has no lock, detects no crashed run and checks no request. It gives the same body as
our service for the runs `STATUS_RUN_ID` and `STATUS_LAST_RUN_ID` in `STATUS_RUNS_DIR`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

RUNS_DIR = Path(os.environ["STATUS_RUNS_DIR"])
RUN_ID, LAST_RUN_ID = os.environ["STATUS_RUN_ID"], os.environ["STATUS_LAST_RUN_ID"]

app = FastAPI()


class LastRun(BaseModel):
    run_id: str
    state: str
    reason: str | None


class Status(BaseModel):
    status: str
    running: bool
    pid: int | None
    run_id: str | None
    state: str | None
    config_name: str | None
    progress: dict[str, Any] | None
    started_at: str | None
    last_run: LastRun | None


@app.get("/ping")
def ping() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/training/status", response_model=Status)
def status() -> Status:
    state = read(RUN_ID, "state.json")
    running = is_alive(state["pid"])
    last = read(LAST_RUN_ID, "state.json")
    return Status(
        status="running" if running else "not_running",
        running=running,
        pid=state["pid"],
        run_id=RUN_ID,
        state=state["state"],
        config_name=read(RUN_ID, "run.json")["request"]["config_name"],
        progress=read(RUN_ID, "progress.json"),
        started_at=state["started_at"],
        last_run=LastRun(run_id=LAST_RUN_ID, state=last["state"], reason=last["reason"]),
    )


def read(run_id: str, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((RUNS_DIR / run_id / name).read_text(encoding="utf-8"))
    return content


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
