"""The tail of a growing log, which yields every byte once, whatever the writer does."""

from __future__ import annotations

from pathlib import Path

from app.runs.log.tail import LogTail, first_line, read_log
from trainer.runfile import RunFile

TEXT = "aä€😀" * 50


def test_log_chunks_of_any_size_join_to_the_whole_log(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text(TEXT, encoding="utf-8")
    for limit in range(1, 12):
        offset, text = 0, ""
        while (chunk := read_log(RunFile.alone(path), offset, limit)).next_offset > offset:
            assert chunk.offset == offset
            offset, text = chunk.next_offset, text + chunk.text
        assert text == TEXT
        assert offset == chunk.size == len(TEXT.encode())


def test_a_log_read_from_its_end_begins_at_a_character(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text(TEXT, encoding="utf-8")
    for back in range(1, 40):
        chunk = read_log(RunFile.alone(path), -back, 1000)
        assert TEXT.endswith(chunk.text)
        assert "\ufffd" not in chunk.text
        assert len(chunk.text.encode()) == chunk.next_offset - chunk.offset <= back


def test_an_offset_moves_forward_to_the_next_line(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text("one\ntw€\nthree", encoding="utf-8")
    size = path.stat().st_size
    file = RunFile.alone(path)
    assert [first_line(file, offset, size) for offset in range(11)] == [
        0,
        4,
        4,
        4,
        4,
        10,
        10,
        10,
        10,
        10,
        10,
    ]
    # If no line begins before the limit, a character does: the euro sign's bytes are 6, 7 and 8.
    assert [first_line(file, offset, 9) for offset in (5, 6, 7, 8)] == [5, 6, 9, 9]
    assert first_line(RunFile.alone(tmp_path / "missing"), 5, 9) == 0


def test_the_tail_waits_for_the_end_of_a_character(tmp_path: Path) -> None:
    path, tail = tmp_path / "train.log", LogTail()
    path.write_bytes("100 €".encode()[:-1])
    assert "".join(chunk.text for chunk in tail.read_new(RunFile.alone(path))) == "100 "
    assert tail.read_new(RunFile.alone(path)) == []
    path.write_bytes("100 €".encode())
    assert "".join(chunk.text for chunk in tail.read_new(RunFile.alone(path))) == "€"


def test_bytes_that_are_not_utf8_are_replaced_and_counted(tmp_path: Path) -> None:
    path, tail = tmp_path / "train.log", LogTail()
    path.write_bytes(b"ok \xff\xfe\x80\x80\x80\x80\x80 end\xe2\x82")
    chunks = tail.read_new(RunFile.alone(path), is_final=True)
    assert "".join(chunk.text for chunk in chunks).startswith("ok \ufffd")
    assert tail.offset == path.stat().st_size


def test_a_flood_is_skipped_and_leaves_a_gap_in_the_offsets(tmp_path: Path) -> None:
    path, tail = tmp_path / "train.log", LogTail()
    path.write_bytes(b"x" * 5_000_000)
    chunks = tail.read_new(RunFile.alone(path))
    assert chunks[0].offset == 5_000_000 - LogTail.CHUNK_BYTES
    assert tail.offset == 5_000_000


def test_a_log_is_read_in_chunks_that_join(tmp_path: Path) -> None:
    path, tail = tmp_path / "train.log", LogTail()
    written = ("line\n" * 60_000).encode()
    path.write_bytes(written)
    chunks = tail.read_new(RunFile.alone(path))
    assert len(chunks) == -(-len(written) // LogTail.CHUNK_BYTES)
    assert "".join(chunk.text for chunk in chunks).encode() == written


def test_a_log_that_shrinks_is_read_from_its_beginning(tmp_path: Path) -> None:
    """logrotate's copytruncate shrinks a log."""
    path, tail = tmp_path / "train.log", LogTail()
    path.write_bytes(b"old\n" * 100)
    tail.read_new(RunFile.alone(path))
    path.write_bytes(b"new\n")
    (chunk,) = tail.read_new(RunFile.alone(path))
    assert (chunk.offset, chunk.text, tail.offset, tail.num_restarts) == (0, "new\n", 4, 1)
    path.write_bytes(b"")
    assert (tail.read_new(RunFile.alone(path)), tail.offset, tail.num_restarts) == ([], 0, 2)
    path.unlink()
    assert (tail.read_new(RunFile.alone(path)), tail.num_restarts) == ([], 2)
