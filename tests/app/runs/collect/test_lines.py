"""Lines of a growing file, read once from a position that outlives the process."""

from __future__ import annotations

import json
import random
import tracemalloc
from pathlib import Path

import pytest

from app.runs.collect.lines import MAX_LINE_BYTES, SLICE_BYTES, read_lines
from app.runs.collect.source import Position, Restarted
from trainer.runfile import RunFile


@pytest.fixture
def file(tmp_path: Path) -> RunFile:
    return RunFile.alone(tmp_path / "log")


def read_all(file: RunFile, position: Position, is_final: bool = False) -> tuple[list[bytes], Position]:
    """Read to the end. The position goes through JSON each time, as it does between two processes."""
    found: list[bytes] = []
    while True:
        read = read_lines(file, json.loads(json.dumps(position)), is_final)
        found, position = found + read.lines, read.position
        if read.is_whole:
            return found, position


def append(file: RunFile, text: bytes) -> None:
    with open(file.path, "ab") as opened:
        opened.write(text)


def test_every_cut_of_a_file_gives_each_line_once(file: RunFile) -> None:
    whole = b"first\n\nsecond\r\nthird" + b"x" * 50 + b"\nlast"
    cuts = random.Random(0)
    for _ in range(100):
        found: list[bytes] = []
        position: Position = {}
        for end in [*sorted(cuts.sample(range(len(whole)), 5)), len(whole)]:
            file.path.write_bytes(whole[:end])
            new, position = read_all(file, position)
            found += new
        assert found == [b"first", b"", b"second\r", b"third" + b"x" * 50]
        assert read_all(file, position, is_final=True)[0] == [b"last"]


def test_lines_have_their_number_in_the_file(file: RunFile) -> None:
    append(file, b"a\nb\n")
    first = read_lines(file, {})
    append(file, b"c\n")
    assert (first.number, read_lines(file, first.position).number) == (1, 3)


@pytest.mark.parametrize("length", [MAX_LINE_BYTES - 1, MAX_LINE_BYTES, 10 * MAX_LINE_BYTES])
def test_a_line_is_read_or_skipped_by_its_length(file: RunFile, length: int) -> None:
    append(file, b"a\n" + b"x" * length + b"\nb\n")
    found, position = read_all(file, {})
    is_skipped = length >= MAX_LINE_BYTES
    assert [len(line) for line in found] == ([1, 1] if is_skipped else [1, length, 1])
    assert (position["too_long"], position["line"]) == (int(is_skipped), 4)
    append(file, b"c\n")
    assert read_all(file, position)[0] == [b"c"]


def test_memory_is_bounded_whatever_the_length_of_the_file(file: RunFile) -> None:
    with open(file.path, "wb") as opened:
        opened.truncate(100 * 1024 * 1024)  # It takes no space.
    tracemalloc.start()
    try:
        position: Position = {}
        while not (read := read_lines(file, position)).is_whole:
            position = read.position
        assert tracemalloc.get_traced_memory()[1] < 8 * MAX_LINE_BYTES
    finally:
        tracemalloc.stop()
    assert read.num_too_long == 1


@pytest.mark.parametrize("other", [b"z" * 40 + b"\n", b"a\nB\nmore\n"])
def test_a_file_with_other_lines_was_started_again(file: RunFile, other: bytes) -> None:
    append(file, b"a\nb\n")
    position = read_lines(file, {}).position
    file.path.write_bytes(other)
    with pytest.raises(Restarted):
        read_lines(file, position)


def test_a_file_that_is_written_again_with_more_lines_goes_on(file: RunFile) -> None:
    append(file, b"a\nb\n")
    position = read_lines(file, {}).position
    file.path.with_name("new").write_bytes(b"a\nb\nc\n")
    file.path.with_name("new").replace(file.path)
    assert read_lines(file, position).lines == [b"c"]


def test_a_file_that_stays_shorter_was_started_again(file: RunFile) -> None:
    """A program that writes its whole file again for each row truncates it first."""
    append(file, b"a\nb\n")
    position = read_lines(file, {}).position
    file.path.write_bytes(b"")
    read = read_lines(file, position)
    assert (read.lines, read.is_whole) == ([], False)
    file.path.write_bytes(b"a\nb\nc\n")
    assert read_lines(file, read.position).lines == [b"c"]
    file.path.write_bytes(b"a\n")
    waiting = read_lines(file, read.position).position
    assert waiting == read.position, "the time since when it is shorter is kept, however often the program writes"
    with pytest.raises(Restarted):
        read_lines(file, waiting | {"shorter_at": 0})
    with pytest.raises(Restarted):
        read_lines(file, position, is_final=True)


def test_one_read_takes_a_slice(file: RunFile) -> None:
    append(file, b"0123456\n" * (SLICE_BYTES // 4))
    read = read_lines(file, {})
    assert not read.is_whole
    assert sum(len(line) + 1 for line in read.lines) == SLICE_BYTES
