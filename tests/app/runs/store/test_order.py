"""The order of run directories, which record their time of creation in different ways or not at all."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.runs.store.filetimes import begin_and_end
from app.runs.store.listing import Listing
from trainer.rundir import RunDir, write_json

AT_NOON = "2026-01-02T12:00:00+00:00"
NOON_US = 1_767_355_200_000_000


def write(folder: Path, name: str, **manifest: Any) -> Path:
    path = folder / name
    path.mkdir()
    write_json(RunDir(path).run, {"request": {}, **manifest})
    return path


def test_runs_are_ordered_by_sequence_or_else_by_creation_time_or_else_by_id(tmp_path: Path) -> None:
    write(tmp_path, "2026-09-09_00-00-00", created_at="2026-09-09T00:00:00+00:00", sequence=NOON_US - 1)
    write(tmp_path, "2020-01-01_00-00-00", created_at=AT_NOON)
    write(tmp_path, "an id of another kind", created_at="2026-01-02T14:00:01+02:00")
    write(tmp_path, "2020-01-01_00-00-00_10", created_at=AT_NOON, sequence=NOON_US)
    write(tmp_path, "2020-01-01_00-00-00_9", created_at="not a time")
    expected = ["an id of another kind", "2020-01-01_00-00-00_10", "2020-01-01_00-00-00", "2026-09-09_00-00-00"]
    assert Listing(tmp_path).ids() == [*expected, "2020-01-01_00-00-00_9"]


def test_a_directory_of_another_program_is_ordered_by_its_oldest_file(tmp_path: Path) -> None:
    write(tmp_path, "ours", created_at=AT_NOON)
    for name, age_s in (("before", -1), ("after", 1)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.csv").touch()
        os.utime(tmp_path / name / "results.csv", (NOON_US / 1e6 + age_s,) * 2)
    assert Listing(tmp_path).ids() == ["after", "ours", "before"]


def test_a_directory_of_another_program_is_ordered_by_the_time_in_its_name(tmp_path: Path) -> None:
    """A copy without times has only new files."""
    write(tmp_path, "ours", created_at=AT_NOON)
    noon = datetime.fromtimestamp(NOON_US / 1e6)
    for name in ((noon + timedelta(seconds=s)).strftime("%Y-%m-%d_%H-%M-%S") for s in (1, -1)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.csv").touch()
    after, *others = Listing(tmp_path).ids()
    assert (after > others[1], others[0]) == (True, "ours")
    times = begin_and_end(tmp_path / after)
    assert times is not None
    assert times[0] == "2026-01-02T12:00:01+00:00" < times[1]
    (tmp_path / "2026-99-99_00-00-00").mkdir()
    assert Listing(tmp_path).ids()[0] == "2026-99-99_00-00-00"  # It is no time, so the folder's own counts.


@pytest.mark.parametrize("is_far_ahead", [False, True])
def test_a_new_run_is_newer_than_all_others(tmp_path: Path, is_far_ahead: bool) -> None:
    ahead = NOON_US * 2 if is_far_ahead else NOON_US
    write(tmp_path, "a", created_at=AT_NOON, sequence=ahead)
    (tmp_path / "of another program").mkdir()
    os.utime(tmp_path / "of another program", (4e9, 4e9))
    sequence = Listing(tmp_path).next_sequence()
    assert sequence == ahead + 1 if is_far_ahead else abs(sequence - time.time_ns() // 1000) < 10_000_000


def test_a_run_is_reordered_once_its_manifest_is_written(tmp_path: Path) -> None:
    listing = Listing(tmp_path)
    (tmp_path / "late").mkdir()
    write(tmp_path, "early", created_at=AT_NOON)
    long_ago = time.time() - 3600
    os.utime(tmp_path, (long_ago, long_ago))
    assert listing.ids() == ["late", "early"]
    write_json(RunDir(tmp_path / "late").run, {"request": {}, "created_at": "2026-01-02T11:00:00+00:00"})
    assert listing.ids() == ["early", "late"]


def test_a_replaced_directory_is_read_again(tmp_path: Path) -> None:
    listing = Listing(tmp_path)
    write(tmp_path, "a", created_at=AT_NOON)
    write(tmp_path, "b", created_at="2026-01-02T13:00:00+00:00")
    assert listing.ids() == ["b", "a"]
    (tmp_path / "b").rename(tmp_path / "c")
    write(tmp_path, "b", created_at="2026-01-01T00:00:00+00:00")
    assert listing.ids() == ["c", "a", "b"]
