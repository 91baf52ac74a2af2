from __future__ import annotations

import pytest

from app.runs.log.screen import MAX_ROW_BYTES, MAX_ROWS, Screen


def rows_of(*written: bytes) -> list[str]:
    screen = Screen()
    for data in written:
        screen.write(data)
    return screen.rows


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"one\ntwo", ["one", "two"]),
        (b"one\r\ntwo\r\n", ["one", "two"]),
        (b"\r 10%\r 20%\r 30%", [" 30%"]),
        (b"loss: 1, \x1b[1mbold\x1b[0m", ["loss: 1, bold"]),
        (b"\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", ["link"]),
        (b"\router 0%\n\rinner 10%\x1b[A\n\rinner 20%\x1b[A", ["outer 0%", "inner 20%"]),
        (b"\router 0%\n\rinner 10%\x1b[A\router 1%\n\r         \x1b[A", ["outer 1%"]),
        (b"a\nb\n\x1b[2Kc\n\x1b[1A\x1b[2K\x1b[1A\x1b[2Kd\n", ["a", "d"]),
        (b"10%\r\x1b[K20%\r\x1b[K", []),
        (b"\b\b\b\r12/60", ["12/60"]),
        (b"\x1b[99999Aa\x1b[Ab", ["ab"]),
        (b"\xff\xfe\0", ["\ufffd\ufffd\0"]),
    ],
)
def test_the_screen_shows_what_a_terminal_would(data: bytes, rows: list[str]) -> None:
    assert rows_of(data) == rows


def test_the_pieces_in_which_the_data_comes_do_not_matter() -> None:
    data = b"\router 0%\n\r\x1b[1minn\xc3\xabr 10%\x1b[0m\x1b[A\n\rinner 20%\x1b[A\nend\n"
    assert rows_of(*(data[i : i + 1] for i in range(len(data)))) == rows_of(data)


@pytest.mark.parametrize("line", [b"%d\n", b"%d\n\n\n", b"\n\n%d\r"])
def test_many_lines_at_once_show_what_they_show_one_by_one(line: bytes) -> None:
    begin = b"".join(b"old %d\n" % number for number in range(MAX_ROWS)) + b"\x1b[400A"
    data = b"".join(line % number for number in range(1100))
    assert rows_of(begin, data) == rows_of(begin, *(data[i : i + 1] for i in range(len(data))))


def test_the_screen_is_bounded() -> None:
    rows = rows_of(b"".join(b"%d\n" % number for number in range(2 * MAX_ROWS)), b"x" * 10**6, b"y" * 10**6)
    assert rows == [str(number) for number in range(MAX_ROWS + 1, 2 * MAX_ROWS)] + ["x" * MAX_ROW_BYTES]
