"""Values that were read from files, cached until one of the files changes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.runs.filestate import Remembered, file_states
from tests.waiting import wait_until
from trainer.filestate import COARSE_STEP_NS, FINE_STEP_NS, FileState, file_state

CHANGES: dict[str, Callable[[Path], object]] = {
    "longer": lambda path: path.write_text("12"),
    "of the same size": lambda path: path.write_text("2"),
    "replaced": lambda path: path.with_name("new").rename(path),
    "removed": lambda path: path.unlink(),
    "with its old time": lambda path: (path.write_text("2"), os.utime(path, ns=(0, 0))),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "new").write_text("1")
    (tmp_path / "file").write_text("1")
    os.utime(tmp_path / "file", ns=(0, 0))
    return tmp_path / "file"


def settled(path: Path) -> Remembered[str]:
    wait_until(lambda: Remembered("", file_states([path])).is_current(), 10)
    return Remembered("1", file_states([path, path.with_name("missing")]))


@pytest.mark.parametrize("change", CHANGES)
def test_a_value_is_current_until_its_file_changes(path: Path, change: str) -> None:
    value = settled(path)
    assert value.is_current()
    CHANGES[change](path)
    assert not value.is_current()


def test_a_value_is_current_until_a_missing_file_appears(path: Path) -> None:
    value = settled(path)
    path.with_name("missing").touch()
    assert not value.is_current()


def test_neither_of_two_changes_in_a_row_is_missed(path: Path) -> None:
    for number in range(1000, 2000):
        path.write_text(str(number))
        value = Remembered(path.read_text(), file_states([path]))
        path.write_text(str(number + 1000))
        assert not value.is_current(), "the state of the file may be unchanged"


@pytest.mark.parametrize(("changed_ns", "step_ns"), [(5 * 10**9 + 1, FINE_STEP_NS), (5 * 10**9, COARSE_STEP_NS)])
def test_a_state_settles_after_a_step_of_the_file_systems_clock(changed_ns: int, step_ns: int) -> None:
    assert not FileState(1, 1, 0, changed_ns, changed_ns + step_ns).is_settled
    assert FileState(1, 1, 0, changed_ns, changed_ns + step_ns + 1).is_settled


def test_a_file_does_not_settle_while_it_is_read(path: Path) -> None:
    """The file may have changed again right after its state was taken, with the same times."""
    path.write_text("2")
    states = file_states([path])
    wait_until(lambda: (state := file_state(path)) is not None and state.is_settled, 10)
    assert not Remembered("2", states).is_current()
