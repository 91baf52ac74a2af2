"""Runs that hold a slot without any process, because the test itself holds it."""

from __future__ import annotations

from pathlib import Path

from app.runs.executors.local.executor import LocalExecutor
from app.runs.executors.local.slots import SLOTS, Slots
from app.runs.queue.queue import QUEUE, Queue
from app.runs.store.store import RunStore


def slots_of(runs_dir: Path, count: int = 1, gpus: tuple[str, ...] = ()) -> Slots:
    return Slots(runs_dir.parent / SLOTS, count, gpus)


def executor_of(runs_dir: Path, count: int = 1, gpus: tuple[str, ...] | None = None) -> LocalExecutor:
    return LocalExecutor(runs_dir, count, gpus)


def store_of(runs_dir: Path, count: int = 1) -> RunStore:
    return RunStore(runs_dir, executor_of(runs_dir, count))


def queue_of(store: RunStore, advice: str | None = None) -> Queue:
    return Queue(store, store.runs_dir.parent / QUEUE, advice=advice)


def hold(store: RunStore, count: int = 1) -> tuple[Path, int]:
    """Create an empty run that holds a slot. Return its directory and the descriptor that holds the slot."""
    new = store.create()
    taken = slots_of(store.runs_dir, count).take(new.run.run_id, 0, (), new.reveal)
    assert taken is not None, "no slot is free"
    return new.run.path, taken.descriptor
