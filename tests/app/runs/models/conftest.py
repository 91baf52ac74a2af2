"""Runs whose models are looked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.runs.models.folder import ModelFolder
from app.runs.store.store import RunStore
from tests.app.runs.slots import store_of
from tests.app.written import write_command_run

RUN_ID = "2026-01-01_00-00-00"


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return store_of(tmp_path / "runs")


@pytest.fixture
def folder(store: RunStore) -> ModelFolder:
    return ModelFolder(store)


@pytest.fixture
def command(store: RunStore) -> Callable[..., Path]:
    """Write a run of a command whose models match the globs; return its output folder."""
    return lambda *globs, **more: write_command_run(store.runs_dir, RUN_ID, models=globs or None, **more) / "output"


def card_of(folder: ModelFolder) -> dict[str, Any]:
    [model] = folder.list()
    return dict(model.card())
