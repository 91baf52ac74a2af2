"""The state of a run for every combination of its files and processes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from app.runs.store.states import ACTIVE, STATES, compose
from trainer.rundir import RunDir, utc_now, write_json

RECORDS: dict[str, dict[str, Any] | None] = {
    "none": None,
    "starting": {"state": "starting"},
    "running": {"state": "running"},
    "completed": {"state": "completed"},
    "stopped": {"state": "stopped", "reason": "ended by SIGTERM"},
    "failed": {"state": "failed", "reason": "exit code 3"},
    "interrupted": {"state": "interrupted", "reason": "terminated from outside"},
    "corrupt": {"state": ["no", "state"]},
}
MANIFESTS: dict[str, str | None] = {"ours": '{"request": {}}', "none": None, "foreign": '{"name": "x"}', "corrupt": "{"}
VERDICTS = {"completed", "stopped", "failed", "interrupted"}


def expected(record: str, is_alive: bool, manifest: str, is_stopping: bool) -> str:
    """State the rule independently of the code."""
    if not is_alive and manifest in ("none", "foreign"):
        return "unknown"
    if record in VERDICTS:
        return record
    if not is_alive:
        return "interrupted"
    if is_stopping:
        return "stopping"
    return "starting" if record in ("none", "starting") else "running"


@pytest.mark.parametrize("manifest", MANIFESTS)
@pytest.mark.parametrize("record", RECORDS)
def test_every_combination_has_its_state(tmp_path: Path, record: str, manifest: str) -> None:
    for is_alive, is_stopping in itertools.product((False, True), (False, True)):
        run = RunDir(tmp_path / f"{is_alive}{is_stopping}")
        run.path.mkdir()
        if (text := MANIFESTS[manifest]) is not None:
            run.run.write_text(text)
        if (content := RECORDS[record]) is not None:
            write_json(run.state, content)
        if is_stopping:
            write_json(run.stop, {"mode": "save"})
        state, reason = compose(run, content, is_alive)
        assert state == expected(record, is_alive, manifest, is_stopping), (is_alive, is_stopping)
        assert state in STATES
        assert not (state in ACTIVE and reason)
        assert reason or state not in ("unknown", "interrupted", "failed")


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_the_verdict_of_our_runner_counts_whatever_run_json_holds(tmp_path: Path, manifest: str) -> None:
    run = RunDir(tmp_path)
    if (text := MANIFESTS[manifest]) is not None:
        run.run.write_text(text)
    record = {"state": "stopped", "reason": None, "runner": {"pid": 1, "start_time": "x"}}
    assert compose(run, record, False) == ("stopped", None)
    assert compose(run, record | {"state": "running"}, False)[0] == "interrupted"


def test_a_completion_record_replaces_a_lost_verdict(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    write_json(run.result, {"completed_at": utc_now()})
    assert compose(run, {"state": "running"}, False)[0] == "unknown", (
        "without run.json it is a directory of another program"
    )
    write_json(run.run, {"request": {}})
    assert compose(run, {"state": "running"}, False) == ("completed", None)


def test_a_verdict_keeps_its_reason_and_other_states_get_one(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    assert "no run.json" in (compose(run, None, False)[1] or "")
    write_json(run.run, {"request": {}})
    assert compose(run, {"state": "failed", "reason": "exit code 3"}, False) == ("failed", "exit code 3")
    assert "gone" in (compose(run, None, False)[1] or "")


def test_a_state_file_that_cannot_be_read_is_unknown_and_not_interrupted(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    write_json(run.run, {"request": {}})
    run.state.mkdir()
    assert compose(run, None, False) == ("unknown", "state.json cannot be read: it is not a regular file")
