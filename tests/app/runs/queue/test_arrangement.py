"""The order of the queue: what people chose, then priority, then age."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.runs.queue.arrangement import Arrangement, ArrangementFile
from app.runs.queue.entry import Entry
from trainer.rundir import RunDir


def entry(name: str, priority: int = 0) -> Entry:
    return Entry(RunDir(Path(name)), priority)


def arranged(order: str, *entries: Entry) -> str:
    return "".join(each.run_id for each in Arrangement(order=tuple(order)).arrange(entries))


def test_a_higher_priority_comes_first_and_then_the_older_run() -> None:
    assert arranged("", entry("a"), entry("b", 5), entry("c"), entry("d", 5), entry("e", -1)) == "bdace"


def test_a_chosen_order_holds_whatever_the_priorities() -> None:
    assert arranged("cab", entry("a", 9), entry("b"), entry("c")) == "cab"


@pytest.mark.parametrize(("priority", "expected"), [(0, "cabd"), (1, "cadb"), (9, "dcab")])
def test_a_later_run_stands_behind_all_of_at_least_its_priority(priority: int, expected: str) -> None:
    assert arranged("cab", entry("a", 1), entry("b"), entry("c", 2), entry("d", priority)) == expected


def test_runs_that_have_left_do_not_matter() -> None:
    assert arranged("xcyb", entry("b"), entry("c")) == "cb"


@pytest.mark.parametrize(
    "garbage",
    ["", "{", "[]", "null", '{"paused": 1, "order": []}', '{"paused": true, "order": [1]}', '{"paused": true}'],
)
def test_a_corrupt_file_pauses_nothing_and_can_be_replaced(tmp_path: Path, garbage: str) -> None:
    file = ArrangementFile(tmp_path / "queue.json")
    (tmp_path / "queue.json").write_text(garbage)
    assert file.read() == Arrangement()
    file.pause(True)
    assert file.read() == ArrangementFile(tmp_path / "queue.json").read() == Arrangement(is_paused=True)


def test_a_file_that_cannot_be_read_pauses_the_queue_and_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "queue.json"
    path.symlink_to(path)
    file = ArrangementFile(path)
    assert file.read().is_paused
    with pytest.raises(OSError, match="symbolic links"):
        file.pause(False)
    assert path.is_symlink()
    path.unlink()
    assert file.read() == Arrangement()
