"""The JSON files of runs, which are parsed again only after a change."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.runs.filestate import Remembered, file_states
from app.runs.store.cached import CachedRunDir
from tests.app.written import write_json
from tests.waiting import wait_until

CHANGES: dict[str, Callable[[Path], object]] = {
    "longer": lambda path: path.write_text('{"a": 20}'),
    "of the same size, in place": lambda path: path.write_text('{"a": 2}'),
    "replaced": lambda path: path.with_name("new").rename(path),
    "removed": lambda path: path.unlink(),
    "corrupt": lambda path: path.write_text('{"a": 2'),
    "a link out of the run": lambda path: (path.unlink(), path.symlink_to(path.parent.with_name("outside"))),
    "with its old time": lambda path: (path.write_text('{"a": 2}'), os.utime(path, ns=(0, 0))),
}


@pytest.fixture
def run(tmp_path: Path) -> CachedRunDir:
    """A run whose state.json is cached."""
    run = CachedRunDir(tmp_path / "run")
    run.path.mkdir()
    write_json(tmp_path / "outside", {"a": 3})
    write_json(run.path / "new", {"a": 4})
    write_json(run.state, {"a": 1})
    os.utime(run.state, ns=(0, 0))
    wait_until(lambda: Remembered("", file_states([run.state])).is_current(), 10)
    assert run.read_json(run.state) == {"a": 1}
    return run


def test_an_unchanged_file_is_parsed_once(run: CachedRunDir) -> None:
    assert run.read_json(run.state) is run.read_json(run.state)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_shows_at_once(run: CachedRunDir, change: str) -> None:
    CHANGES[change](run.state)
    expected = {"longer": {"a": 20}, "replaced": {"a": 4}, **dict.fromkeys(list(CHANGES)[3:6])}
    assert run.read_json(run.state) == expected.get(change, {"a": 2})


def test_a_file_that_appears_shows_at_once(run: CachedRunDir) -> None:
    assert run.read_json(run.notes) is None
    write_json(run.notes, {"a": 1})
    assert run.read_json(run.notes) == {"a": 1}


def test_neither_of_two_changes_in_a_row_is_missed(run: CachedRunDir) -> None:
    for number in range(1000, 1500):
        for step in (number, number + 1000):
            write_json(run.state, {"a": step})
            assert run.read_json(run.state) == {"a": step}


def test_a_report_is_not_cached_because_it_may_have_megabytes(run: CachedRunDir) -> None:
    write_json(run.report, {"a": 1})
    os.utime(run.report, ns=(0, 0))
    wait_until(lambda: Remembered("", file_states([run.report])).is_current(), 10)
    assert run.read_json(run.report) is not run.read_json(run.report)
