"""Metrics tables of files, including files that grow, are rewritten or are changed by hand."""

from __future__ import annotations

import math
import os
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from app.runs.exceptions import MetricsUnreadable
from app.runs.filestate import Remembered, file_states
from app.runs.metrics.inspection import BYTES_AT_ONCE, MAX_SKIPPED_NAMED, ROWS_PER_SEGMENT, inspect
from app.runs.metrics.table import Rewritten
from app.runs.metrics.tables import MAX_TABLES, Tables, read
from tests.app.runs.tables import rows_of, table, table_of
from tests.waiting import wait_until
from trainer.filestate import FileState
from trainer.runfile import RunFile

LONG = 3 * ROWS_PER_SEGMENT + 5


def append(path: Path, text: str) -> None:
    with open(path, "a", newline="") as file:
        file.write(text)


def test_cells_become_numbers_and_blanks_none(tmp_path: Path) -> None:
    known = table(tmp_path, "epoch,step,loss,note\r\n0,5,1e-3,hello\r\n0,6,,\r\n1,7,nan,inf\r\n")
    assert known.columns == ["epoch", "step", "loss", "note"]
    rows = rows_of(known)
    assert rows[:2] == [[0, 5, 0.001, None], [0, 6, None, None]]
    assert math.isnan(rows[2][2] or 0)
    assert known.maxima == {"epoch": 1, "step": 7}


def test_an_unfinished_last_line_is_left_out(tmp_path: Path) -> None:
    assert rows_of(table(tmp_path, "epoch,loss\r\n0,1.0\r\n1,0.")) == [[0, 1.0]]


@pytest.mark.parametrize("text", ["", "epoch,step", "\n\n"])
def test_a_file_without_a_header_is_an_empty_table(tmp_path: Path, text: str) -> None:
    empty = table(tmp_path, text)
    assert (empty.columns, empty.num_rows, rows_of(empty)) == ([], 0, [])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xff\xfee\0p\0\n\0", "UTF-16"),
        (b"PK\x03\x04\x14\0\0\n", "not text"),
        (b"0,1.25,0.5\n1,0.75,0.6\n", "header"),
        (b"0;1,25;0,5;7\n", "header"),
        (b"a," * 200_000 + b"b\n1\n", "header is longer than 256 KiB"),
        (b"a," * 10_000 + b"b\n1\n", "header has 10,001 columns, more than 10,000"),
        (b"a" * 200_000 + b",b\n1,2\n", "field larger"),
    ],
)
def test_an_unreadable_file_raises_an_error_with_the_reason(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "metrics.csv"
    path.write_bytes(content)
    with pytest.raises(MetricsUnreadable, match=problem) as raised:
        inspect(RunFile.alone(path))
    assert raised.value.csv_file == str(path)


def test_a_line_that_is_not_a_row_is_skipped_and_reported(tmp_path: Path) -> None:
    known = table(tmp_path, "step,x\n0,1.5\n\n1,2,3\n1,2.5\nstep,x\n2,3.5\n")
    assert rows_of(known) == [[0, 1.5], [1, 2.5], [2, 3.5]]
    assert known.num_skipped == 2
    assert [line for line, _ in known.skipped] == [4, 6]
    assert ["3 cells" in known.skipped[0].reason, "repeats the header" in known.skipped[1].reason] == [True, True]
    append(known.file.path, "7,8,9\n" * 100 + "3,4.5\n")
    grown = inspect(known.file, known)
    assert (rows_of(grown)[-1], grown.num_skipped, len(grown.skipped)) == ([3, 4.5], 102, MAX_SKIPPED_NAMED)
    assert grown.skipped[2][0] == 8


def test_a_line_longer_than_one_read_is_skipped(tmp_path: Path) -> None:
    long = "9" * (2 * BYTES_AT_ONCE + 7)
    known = table(tmp_path, f"step,x\n0,1\n{long},1\n1,2\n" + "".join(f"{i},{i}\n" for i in range(2, LONG)))
    assert [row[0] for row in rows_of(known)] == list(range(LONG))
    assert [(line, "longer" in reason) for line, reason in known.skipped] == [(3, True)]
    assert [row[0] for row in rows_of(known, LONG - 3)] == list(range(LONG - 3, LONG))
    append(known.file.path, long)
    grown = inspect(known.file, known)
    assert (grown.num_rows, grown.num_skipped) == (LONG, 1), "the end of the last line is missing"
    append(known.file.path, "\n7,7\n")
    assert rows_of(inspect(known.file, grown))[-1] == [7, 7]


@pytest.mark.parametrize(
    "comments",
    [
        "# lr=0.1, v2\n\n#epochs: 3\nepoch,loss\n",
        '#{"t_start": 1.5, "env_id": "a"}\r\nepoch,loss\r\n',
        "# epoch, loss\n",
    ],
)
def test_comments_before_the_rows_are_not_the_header_unless_there_is_no_other(tmp_path: Path, comments: str) -> None:
    for mark in ("", "\ufeff"):
        assert table(tmp_path, mark + comments).columns == ([] if "epoch, loss" in comments else ["epoch", "loss"])
        known = table(tmp_path, f"{mark}{comments}0,1.5\n# half\n1,\n")
        assert (known.columns, rows_of(known)) == (["epoch", "loss"], [[0, 1.5], [1, None]])
        assert [each.line for each in known.skipped] == [comments.count("\n") + 2]


def test_an_unterminated_last_line_counts_once_the_file_is_final(tmp_path: Path) -> None:
    known = table(tmp_path, "epoch,loss\r\n0,1.0\r\n1,0.5")
    assert rows_of(known) == [[0, 1.0]]
    final = inspect(known.file, known, is_final=True)
    assert rows_of(final) == [[0, 1.0], [1, 0.5]]
    assert inspect(known.file, final, is_final=True) == final


def test_an_incomplete_last_line_is_skipped(tmp_path: Path) -> None:
    known = inspect(table(tmp_path, "epoch,step,loss\n0,1,2.5\n1,2").file, is_final=True)
    assert rows_of(known) == [[0, 1, 2.5]]
    assert [(line, "incomplete" in reason) for line, reason in known.skipped] == [(3, True)]


def test_columns_with_text_are_named(tmp_path: Path) -> None:
    known = table(tmp_path, "epoch,note,loss\n0,ok,1.0\n1,,bad\n")
    assert known.names_of_text_columns == ["note", "loss"]
    append(known.file.path, "2,,3.0\n")
    assert inspect(known.file, known).names_of_text_columns == ["note", "loss"]


def test_a_change_that_the_files_times_do_not_show_is_noticed(tmp_path: Path) -> None:
    """As on a file system with coarse times.

    Here the inode's change time still differs, so the test gives the known table the new state of the file.
    """
    known = table(tmp_path, "step,x\n0,1.5\n1,2.5\n")
    version, times = known.version, os.stat(known.file.path)
    known.file.path.write_text("step,x\n0,7.5\n1,2.5\n")
    os.utime(known.file.path, ns=(times.st_atime_ns, times.st_mtime_ns))
    stale = replace(known, state=FileState.of(os.stat(known.file.path), known.state.seen_ns))
    reread = inspect(known.file, stale)
    assert rows_of(reread) == [[0, 7.5], [1, 2.5]]
    assert reread.version != version
    assert inspect(known.file, reread).version == reread.version


def test_a_table_can_be_read_from_any_row(tmp_path: Path) -> None:
    known = table_of(tmp_path, ["step", "x"], [[i, i / 2] for i in range(LONG)])
    for since in (0, 1, ROWS_PER_SEGMENT - 1, ROWS_PER_SEGMENT, LONG - 1, LONG, 2**53):
        assert rows_of(known, since) == [[i, i / 2] for i in range(since, LONG)]
        starts = [start for start, _ in known.chunks(since)]
        assert starts == sorted(set(starts))


def test_blank_lines_are_not_rows_and_shift_none(tmp_path: Path) -> None:
    lines = "".join(f"{i},1\n" + "\n" * (i % 3 == 0) for i in range(LONG))
    known = table(tmp_path, "step,x\n\n" + lines)
    assert known.num_rows == LONG
    assert [row[0] for row in rows_of(known, ROWS_PER_SEGMENT + 1)] == list(range(ROWS_PER_SEGMENT + 1, LONG))


def test_a_table_that_grows_row_by_row_equals_one_that_is_read_at_once(tmp_path: Path) -> None:
    known = table(tmp_path, "epoch,step,x\r\n")
    for step in range(2 * ROWS_PER_SEGMENT + 3):
        append(known.file.path, f"{step // 7},{step},{step / 3}\r\n" if step != 1500 else "1,-1,text\n")
        if step % 5 == 0:
            known = inspect(known.file, known, max_bytes=BYTES_AT_ONCE)
    grown, whole = inspect(known.file, known, max_bytes=BYTES_AT_ONCE), inspect(known.file)
    assert replace(grown, digest="") == replace(whole, digest="")
    assert {segment.is_plain for segment in grown.segments} == {True, False}
    assert rows_of(grown) == rows_of(whole)


def test_only_the_new_part_of_a_grown_file_is_read(tmp_path: Path) -> None:
    known = table_of(tmp_path, ["step", "x"], [[i, "0" * 1000] for i in range(LONG)])
    with open(known.file.path, "r+b") as file:  # No writer does this. It shows that these bytes are not read again.
        file.seek(2000)
        file.write(b"7")
    append(known.file.path, "8,0\r\n")
    grown = inspect(known.file, known)
    assert (grown.num_rows, grown.maxima) == (LONG + 1, {"step": LONG - 1})
    assert grown.segments[:-1] == known.segments[: len(grown.segments) - 1]
    assert inspect(known.file, grown) is grown


@pytest.mark.parametrize(
    "text",
    [
        "step,x\n0,1.5\n1,2.0\n",  # a value changed, but the size did not
        "step,x\n0,1.0\n1,2.0\n2,3.0\n"[:-5],  # a row removed
        "step,x\n0,1.125\n1,2.0\n2,3.0\n",  # longer, but not by appending
        "step,x,y\n0,1.0,\n1,2.0,4.0\n",  # a wider header
        "x,step\n0,1.0\n1,2.0\n3,4.0\n",
    ],
)
def test_a_rewritten_file_is_read_again(tmp_path: Path, text: str) -> None:
    known = table(tmp_path, "step,x\n0,1.0\n1,2.0\n")
    known.file.path.write_text(text)
    grown = inspect(known.file, known)
    assert grown == inspect(known.file)
    assert rows_of(grown) == rows_of(inspect(known.file))


def test_a_replaced_file_is_read_again(tmp_path: Path) -> None:
    known = table(tmp_path, "step,x\n0,1.0\n1,2.0\n")
    (tmp_path / "new").write_text("step,x\n5,1.0\n1,2.0\n2,3.0\n")
    (tmp_path / "new").replace(known.file.path)
    assert rows_of(inspect(known.file, known))[0] == [5, 1.0]


def test_a_table_whose_file_is_rewritten_raises_an_error_and_is_read_again(tmp_path: Path) -> None:
    tables = Tables()
    path = table(tmp_path, "step,x\n0,1.0\n").file.path
    at_once = tables.inspect(RunFile.alone(path))
    known = replace(at_once, content=b"")  # A longer file leaves no content in memory.
    path.write_text("a,step,x\n,0,1.0\n9,1,2.0\n")
    assert rows_of(at_once) == [[0, 1.0]]  # The table still has its content in memory.
    with pytest.raises(Rewritten):
        rows_of(known)
    stale = iter([known])
    file = RunFile.alone(path)
    assert read(lambda: next(stale, None) or tables.inspect(file), rows_of) == [
        [None, 0, 1.0],
        [9.0, 1, 2.0],
    ]


def test_a_table_whose_file_is_removed_is_unreadable(tmp_path: Path) -> None:
    known = table(tmp_path, "step,x\n0,1.0\n")
    known.file.path.unlink()
    with pytest.raises(MetricsUnreadable, match="No such file"):
        read(lambda: known, rows_of)


def test_short_rows_under_many_columns_need_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(",".join(f"column {i}" for i in range(101)) + "\n" + "1\n" * 40_000)
    tracemalloc.start()
    try:
        known = Tables().inspect(RunFile.alone(path))
        assert sum(len(chunk) for _, chunk in known.chunks()) == 40_000
        assert tracemalloc.get_traced_memory()[1] < 8_000_000, "all cells at once would take 32 MB"
    finally:
        tracemalloc.stop()


def test_many_threads_share_a_table(tmp_path: Path) -> None:
    known, tables = table_of(tmp_path, ["step"], [[i] for i in range(LONG)]), Tables(threading.Lock)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: tables.inspect(known.file), range(50)))
    assert all(each == found[-1] for each in found)


def test_only_the_most_recently_requested_tables_are_cached(tmp_path: Path) -> None:
    tables, paths = Tables(), [tmp_path / f"{number}.csv" for number in range(MAX_TABLES + 1)]
    for path in paths:
        path.write_text("step\n1\n")
    wait_until(lambda: Remembered(None, file_states(paths)).is_current(), 10)
    files = list(map(RunFile.alone, paths))
    first, *_, last = [tables.inspect(file) for file in files]
    assert tables.inspect(files[-1]).reading is last.reading
    assert tables.inspect(files[0]).reading is not first.reading
