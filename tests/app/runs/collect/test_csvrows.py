"""Rows of a CSV that shares the table with other sources."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.runs.collect import lines
from app.runs.collect.csvrows import CsvRows
from app.runs.collect.source import Position, Restarted, Row
from trainer.runfile import RunFile


class Csv:
    """A CSV that a program writes, and the source that reads it on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = CsvRows("train.csv", RunFile.alone(path))
        self.position: Position = {}
        self.problem: str | None = None

    def append(self, text: str) -> None:
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            file.write(text)

    def read(self, is_final: bool = False) -> list[Row]:
        rows: list[Row] = []
        while True:
            reading = self.source.read_new(json.loads(json.dumps(self.position)), is_final)
            rows, self.position, self.problem = rows + reading.rows, reading.position, reading.problem
            if reading.is_whole or not reading.rows:
                return rows


@pytest.fixture
def written(tmp_path: Path) -> Csv:
    return Csv(tmp_path / "train.csv")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", " ,  "])
def test_any_delimiter_padding_and_byte_order_mark_are_read(written: Csv, delimiter: str) -> None:
    text = "\ufeffepoch,loss,note\r\n1,2.5,good\r\n2,,\r\n".replace(",", delimiter)
    for character in text:
        written.append(character)
        rows = written.read()
        if character == "\n" and rows:
            assert rows in ([{"epoch": 1, "loss": 2.5, "note": "text"}], [{"epoch": 2}])
    assert written.position["num_rows"] == 2


def test_a_file_that_lightning_rewrites_with_more_columns_gives_each_row_once(written: Csv) -> None:
    written.append("epoch,loss\n0,1.0\n0,2\n")
    assert written.read() == [{"epoch": 0, "loss": 1.0}, {"epoch": 0, "loss": 2}]
    written.path.write_text("acc,epoch,loss\n,0,1.0\n")
    assert written.read() == []
    written.append(",0,2\n0.5,1,\n")
    assert written.read() == [{"acc": 0.5, "epoch": 1}]


def test_a_long_file_that_is_rewritten_is_read_again_in_pieces(written: Csv, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{i},{i}.5" for i in range(30_000)]
    written.append("\n".join(["epoch,loss", *rows, ""]))
    assert len(written.read()) == 30_000
    written.path.write_text("\n".join(["epoch,loss,acc", *(f"{row}," for row in rows), "7,,1", ""]))
    found = []
    for _ in range(2 + written.path.stat().st_size // lines.SLICE_BYTES):
        found += written.read()
    assert found == [{"epoch": 7, "acc": 1}]


@pytest.mark.parametrize(
    "text",
    ["epoch,acc\n0,1\n0,2\n", "epoch,loss\n0,7\n0,2\n0,3\n", "epoch,loss,acc\n0,1,\n0,7,\n", "epoch,loss\n0,1\n"],
)
def test_other_rows_are_another_attempt(written: Csv, text: str) -> None:
    written.append("epoch,loss\n0,1\n0,2\n")
    written.read()
    written.path.write_text(text)
    with pytest.raises(Restarted):
        written.read(is_final=True)


def test_a_rewritten_file_that_keeps_fewer_rows_is_another_attempt(written: Csv) -> None:
    written.append("epoch,loss\n0,1\n0,2\n")
    written.read()
    written.path.write_text("acc,epoch,loss\n,0,1\n")
    assert written.read() == []
    written.position["read_again_at"] = 0
    with pytest.raises(Restarted):
        written.read()


def test_lines_that_are_no_rows_are_counted(written: Csv) -> None:
    written.append("epoch,loss\n0,1,2,3\nx,1\n0,1\n")
    assert written.read() == [{"epoch": 0, "loss": 1}]
    assert "2, the first has 4 cells" in str(written.problem)


def test_utf_16_is_said(written: Csv) -> None:
    written.path.write_bytes("epoch,loss\n0,1\n".encode("utf-16"))
    assert written.read() == []
    assert "UTF-16" in str(written.problem)
