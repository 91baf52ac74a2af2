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


class Active(BaseModel):
    pid: int
    run_id: str
    title: str | None
    state: str
    config_name: str
    progress: dict[str, Any]
    started_at: str


class Status(Active):
    status: str
    running: bool
    active: list[Active]
    num_queued: int
    last_run: LastRun


@app.get("/ping")
def ping() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/training/status", response_model=Status)
def status() -> Status:
    state, last = read(RUN_ID, "state.json"), read(LAST_RUN_ID, "state.json")
    progress = read(RUN_ID, "output/progress.json")
    percent = 100 * progress["epoch"] / progress["max_epochs"]
    active = Active(
        pid=state["pid"],
        run_id=RUN_ID,
        title=None,
        state=state["state"],
        config_name=read(RUN_ID, "run.json")["request"]["config_name"],
        progress={**progress, "source": "progress.json", "scope": "training", "percent": round(percent, 1)},
        started_at=state["started_at"],
    )
    running = is_alive(state["pid"])
    return Status(
        **active.model_dump(),
        status="running" if running else "not_running",
        running=running,
        active=[active],
        num_queued=0,
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
