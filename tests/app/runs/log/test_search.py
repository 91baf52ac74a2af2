"""The search for a text in a log."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.runs.log.search import CHUNK_BYTES, MAX_INSPECTED, MAX_LINES, LogMatches, search_log
from trainer.runfile import RunFile


def found(tmp_path: Path, content: bytes, text: str) -> list[bytes]:
    """Return the matching lines, and check that they do not depend on the size of the searched chunks."""
    path = tmp_path / "train.log"
    path.write_bytes(content)
    answers = []
    for limit in (1, 7, 1_000_000):
        offset, lines = 0, []
        while (matches := search_log(RunFile.alone(path), text, offset, limit)).next_offset > offset:
            lines += matches.lines
            offset = matches.next_offset
        assert offset == matches.size == len(content)
        answers.append([content[start:].split(b"\n")[0] for start in lines])
    assert answers[0] == answers[1] == answers[2]
    return answers[0]


@pytest.mark.parametrize(
    ("content", "text", "lines"),
    [
        (b"an Error\nfine\nerror, error\nerr\nor", "eRRor", [b"an Error", b"error, error"]),
        (b"no newline at the end", "END", [b"no newline at the end"]),
        ("für Ü\nfur\n".encode(), "FüR Ü", ["für Ü".encode()]),
        (b"a\n\x1b[31mErr\x1b[0mor\n", "error", [b"\x1b[31mErr\x1b[0mor"]),
        (b"\x1b[31mErr\x1b[0mor\n", "31m", []),
        (b" 10%|#\r 20%|##\r\n", "20%", [b" 10%|#\r 20%|##\r"]),
        (b" 10%|#\r 20%|##\r\n", "10%", []),
        (b"\x1b]0;title\nx\x07y\n", "x", [b"x\x07y"]),
        (b"first\nsecond", "t\ns", []),
        (b"\n\n\x1b[1m\n\x1b[0mx\n\nx", "x", [b"\x1b[0mx", b"x"]),
        (b"", "x", []),
    ],
)
def test_lines_are_matched_as_the_page_shows_them(
    tmp_path: Path, content: bytes, text: str, lines: list[bytes]
) -> None:
    assert found(tmp_path, content, text) == lines


def test_the_next_search_returns_the_matches_beyond_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_bytes(b"x\n" * (MAX_LINES + 5))
    matches = search_log(RunFile.alone(path), "x", 0, 1_000_000)
    assert (len(matches.lines), matches.next_offset) == (MAX_LINES, 2 * MAX_LINES)
    assert len(search_log(RunFile.alone(path), "x", matches.next_offset, 1_000_000).lines) == 5


def test_a_search_ends_early_after_many_lines_that_hide_the_text(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_bytes(b"x\ry\n" * (2 * MAX_INSPECTED + CHUNK_BYTES))
    matches = search_log(RunFile.alone(path), "x", 0, 16_000_000)
    assert matches.lines == []
    assert 4 * MAX_INSPECTED <= matches.next_offset <= 4 * MAX_INSPECTED + CHUNK_BYTES


def test_a_missing_log_has_no_matches(tmp_path: Path) -> None:
    assert search_log(RunFile.alone(tmp_path / "train.log"), "x", 5, 10) == LogMatches(0, 0, 0, [])
