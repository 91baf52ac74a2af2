"""The state of a run, composed from its files and the lock: every combination."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.runs.states import compose
from trainer.rundir import RunDir, utc_now, write_json


@pytest.mark.parametrize(
    ("record", "files", "holds_lock", "state"),
    [
        (None, [], True, "starting"),
        ({"state": "running"}, [], True, "running"),
        ({"state": "running"}, ["stop"], True, "stopping"),
        (None, ["stop"], True, "stopping"),
        ({"state": "completed"}, ["result"], True, "completed"),
        ({"state": "completed"}, ["result"], False, "completed"),
        ({"state": "stopped"}, ["stop"], False, "stopped"),
        ({"state": "failed", "reason": "exit code 3"}, [], False, "failed"),
        ({"state": "interrupted"}, [], False, "interrupted"),
        ({"state": "running"}, [], False, "interrupted"),
        ({"state": "running"}, ["stop"], False, "interrupted"),
        (None, [], False, "interrupted"),
        ({"state": "running"}, ["result"], False, "completed"),
        ({"state": ["no", "state"]}, [], False, "interrupted"),
        ({"state": "nonsense"}, [], True, "starting"),
    ],
)
def test_states(tmp_path: Path, record: dict[str, Any] | None, files: list[str], holds_lock: bool, state: str) -> None:
    run = RunDir(tmp_path)
    for name in files:
        write_json(getattr(run, name), {"completed_at": utc_now()})
    assert compose(run, record, holds_lock)[0] == state


def test_the_reason_of_a_verdict_is_kept_and_an_interruption_is_explained(tmp_path: Path) -> None:
    assert compose(RunDir(tmp_path), {"state": "failed", "reason": "exit code 3"}, False) == ("failed", "exit code 3")
    reason = compose(RunDir(tmp_path), None, False)[1]
    assert reason is not None
    assert "gone" in reason
