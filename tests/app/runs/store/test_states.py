"""The state of a run for every combination of its files and processes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.runs.executors.executor import Found, Gone, Pending, Running, Unreachable
from app.runs.store.states import STATES, compose
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
SINCE = "2026-01-01T00:00:00+00:00"
FOUND = (
    Gone(),
    Gone("failed", "SLURM time limit reached"),
    Running("node-1"),
    Pending("Resources"),
    Unreachable(SINCE, Running("node-1")),
    Unreachable(SINCE, Pending("Resources")),
)
VERDICTS = {"completed", "stopped", "failed", "interrupted"}


@dataclass(frozen=True)
class Case:
    """One combination of what a run's files and its executor say."""

    record: str
    manifest: str
    found: Found
    is_stopping: bool
    is_queued: bool

    @property
    def expected(self) -> str:
        """State the rule independently of the code."""
        is_gone = isinstance(self.found, Gone)
        if is_gone and self.manifest in ("none", "foreign"):
            return "unknown"
        if self.record in VERDICTS:
            return self.record
        is_silent = self.record == "none"
        if is_gone and is_silent and (self.is_stopping or self.is_queued):
            return "stopped" if self.is_stopping else "queued"
        if isinstance(self.found, Gone):
            return self.found.state or "interrupted"
        if self.is_stopping:
            return "stopping"
        lives = self.found.last if isinstance(self.found, Unreachable) else self.found
        if is_silent and isinstance(lives, Pending):
            return "queued"
        return "starting" if is_silent or self.record == "starting" else "running"

    def write(self, run: RunDir) -> None:
        run.path.mkdir()
        if (text := MANIFESTS[self.manifest]) is not None:
            run.run.write_text(text)
        if (content := RECORDS[self.record]) is not None:
            write_json(run.state, content)
        if self.is_stopping:
            write_json(run.stop, {"mode": "save"})
        if self.is_queued:
            write_json(run.queued, {"priority": 0})


@pytest.mark.parametrize("manifest", MANIFESTS)
@pytest.mark.parametrize("record", RECORDS)
def test_every_combination_has_its_state(tmp_path: Path, record: str, manifest: str) -> None:
    both = (False, True)
    for number, more in enumerate(itertools.product(FOUND, both, both)):
        case, run = Case(record, manifest, *more), RunDir(tmp_path / str(number))
        case.write(run)
        state, reason = compose(run, RECORDS[record] or {}, case.found)
        assert state == case.expected, case
        assert state in STATES
        assert reason or state not in ("unknown", "interrupted", "failed")
        is_unreachable = isinstance(case.found, Unreachable) and state not in VERDICTS
        assert ("not reachable since 2026-01-01" in (reason or "")) == is_unreachable, case


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_the_verdict_of_our_runner_counts_whatever_run_json_holds(tmp_path: Path, manifest: str) -> None:
    run = RunDir(tmp_path)
    if (text := MANIFESTS[manifest]) is not None:
        run.run.write_text(text)
    record = {"state": "stopped", "reason": None, "runner": {"pid": 1, "start_time": "x"}}
    assert compose(run, record, Gone()) == ("stopped", None)
    assert compose(run, record | {"state": "running"}, Gone())[0] == "interrupted"


def test_a_completion_record_replaces_a_lost_verdict(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    write_json(run.result, {"completed_at": utc_now()})
    assert compose(run, {"state": "running"}, Gone())[0] == "unknown", (
        "without run.json it is a directory of another program"
    )
    write_json(run.run, {"request": {}})
    assert compose(run, {"state": "running"}, Gone()) == ("completed", None)


def test_a_verdict_keeps_its_reason_and_other_states_get_one(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    assert "run.json" in (compose(run, {}, Gone())[1] or "")
    write_json(run.run, {"request": {}})
    assert compose(run, {"state": "failed", "reason": "exit code 3"}, Gone()) == ("failed", "exit code 3")
    assert "gone" in (compose(run, {}, Gone())[1] or "")


def test_a_state_file_that_cannot_be_read_is_unknown_and_not_interrupted(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    write_json(run.run, {"request": {}})
    run.state.mkdir()
    assert compose(run, {}, Gone()) == ("unknown", "state.json cannot be read: it is not a regular file")
