"""Metrics tables: what is read of a file, also of one that grows, is rewritten or was changed by hand."""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.runs.exceptions import MetricsUnreadable
from app.runs.table import MAX_TABLES, ROWS_PER_MARK, Rewritten, Tables, look, read
from tests.app.runs.tables import rows_of, table, table_of

LONG = 3 * ROWS_PER_MARK + 5


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
        (b"\xff\xfe\x00\n", "utf-8"),
        (b"a,b\n\xff,1\n", "utf-8"),
        (b"a,b\n1,2,3\n", "3 cells under a header of 2"),
        (b"a\x00,b\n1,2\n", "NUL"),
        (b"a,b\n1,\x002\n", "NUL"),
        (b"a,a\n1,2\n", "twice"),
        (b"a,b\n" + b"1" * 200_000 + b"\n", "field larger"),
        (b"a,b\n" + b"1" * 2_000_000 + b"\n", "a line is longer"),
        (b'a,b\n"1\n2",3\n', "longer than its line"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "metrics.csv"
    path.write_bytes(content)
    with pytest.raises(MetricsUnreadable, match=problem) as raised:
        look(path)
    assert raised.value.csv_file == str(path)


def test_what_cannot_be_read_is_said_of_what_is_appended_too(tmp_path: Path) -> None:
    known = table(tmp_path, "a,b\n1,2\n")
    append(known.path, "1,2,3\n")
    with pytest.raises(MetricsUnreadable, match="3 cells"):
        look(known.path, known)


def test_a_table_can_be_read_from_any_row(tmp_path: Path) -> None:
    known = table_of(tmp_path, ["step", "x"], [[i, i / 2] for i in range(LONG)])
    for since in (0, 1, ROWS_PER_MARK - 1, ROWS_PER_MARK, LONG - 1, LONG, 2**53):
        assert rows_of(known, since) == [[i, i / 2] for i in range(since, LONG)]
        starts = [start for start, _ in known.stretches(since)]
        assert starts == sorted(set(starts))


def test_blank_lines_are_no_rows_and_shift_none(tmp_path: Path) -> None:
    lines = "".join(f"{i},1\n" + "\n" * (i % 3 == 0) for i in range(LONG))
    known = table(tmp_path, "step,x\n\n" + lines)
    assert known.num_rows == LONG
    assert [row[0] for row in rows_of(known, ROWS_PER_MARK + 1)] == list(range(ROWS_PER_MARK + 1, LONG))


def test_a_table_that_grows_row_by_row_is_the_one_read_at_once(tmp_path: Path) -> None:
    known = table(tmp_path, "epoch,step,x\r\n")
    for step in range(2 * ROWS_PER_MARK + 3):
        append(known.path, f"{step // 7},{step},{step / 3}\r\n" if step != 1500 else "text,-1,0.5\n")
        if step % 5 == 0:
            known = look(known.path, known)
    assert look(known.path, known) == look(known.path)
    assert known.odd_marks == {1}
    assert rows_of(known) == rows_of(look(known.path))


def test_of_a_file_that_grew_only_what_is_new_is_read(tmp_path: Path) -> None:
    known = table_of(tmp_path, ["step"], [[i] for i in range(LONG)])
    with open(known.path, "r+b") as file:  # As no writer does: so it shows that this is not read again.
        file.seek(len("step\r\n"))
        file.write(b"7")
    append(known.path, "8\r\n")
    grown = look(known.path, known)
    assert (grown.num_rows, grown.maxima) == (LONG + 1, {"step": LONG - 1})
    assert grown.marks[: len(known.marks)] == known.marks
    assert look(known.path, grown) is grown


@pytest.mark.parametrize(
    "text",
    [
        "step,x\n0,1.5\n1,2.0\n",  # a value changed, the size did not
        "step,x\n0,1.0\n1,2.0\n2,3.0\n"[:-5],  # a row less
        "step,x\n0,1.125\n1,2.0\n2,3.0\n",  # longer, but not by what was appended
        "step,x,y\n0,1.0,\n1,2.0,4.0\n",  # a wider header
        "x,step\n0,1.0\n1,2.0\n3,4.0\n",
    ],
)
def test_a_file_that_was_rewritten_is_read_anew(tmp_path: Path, text: str) -> None:
    known = table(tmp_path, "step,x\n0,1.0\n1,2.0\n")
    known.path.write_text(text)
    grown = look(known.path, known)
    assert grown == look(known.path)
    assert rows_of(grown) == rows_of(look(known.path))


def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    known = table(tmp_path, "step,x\n0,1.0\n1,2.0\n")
    (tmp_path / "new").write_text("step,x\n5,1.0\n1,2.0\n2,3.0\n")
    (tmp_path / "new").replace(known.path)
    assert rows_of(look(known.path, known))[0] == [5, 1.0]


def test_a_table_whose_file_is_rewritten_says_so_and_is_read_anew(tmp_path: Path) -> None:
    tables = Tables()
    path = table(tmp_path, "step,x\n0,1.0\n").path
    at_once, known = tables.look(path), tables.look(path)
    path.write_text("a,step,x\n,0,1.0\n9,1,2.0\n")
    assert rows_of(at_once) == [[0, 1.0]]  # It has what it was made of.
    with pytest.raises(Rewritten):
        rows_of(known)
    stale = iter([known])
    assert read(lambda: next(stale, None) or tables.look(path), rows_of) == [[None, 0, 1.0], [9.0, 1, 2.0]]


def test_a_file_that_is_removed_meanwhile_is_unreadable(tmp_path: Path) -> None:
    known = table(tmp_path, "step,x\n0,1.0\n")
    known.path.unlink()
    with pytest.raises(MetricsUnreadable, match="No such file"):
        read(lambda: known, rows_of)


def test_many_threads_share_a_table(tmp_path: Path) -> None:
    known, tables = table_of(tmp_path, ["step"], [[i] for i in range(LONG)]), Tables(threading.Lock)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: tables.look(known.path), range(50)))
    assert all(each is found[-1] for each in found[8:])


def test_only_the_tables_asked_for_last_are_kept(tmp_path: Path) -> None:
    tables, paths = Tables(), [tmp_path / f"{number}.csv" for number in range(MAX_TABLES + 1)]
    for path in paths:
        path.write_text("step\n1\n")
    first, *_ = [tables.look(path) for path in paths]
    assert tables.look(paths[-1]) is tables.look(paths[-1])
    assert tables.look(paths[0]) is not first
