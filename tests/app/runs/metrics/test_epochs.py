"""The merging of rows by epoch."""

from __future__ import annotations

from app.runs.metrics.chunk import Chunk
from app.runs.metrics.epochs import MAX_VALUES, Epochs
from app.runs.metrics.header import Header

HEADER = Header.parse(b"epoch,step,train/loss,val/loss\n")


def chunk(*lines: str, header: Header = HEADER) -> Chunk:
    return Chunk(header, [line.encode() for line in lines])


def test_an_epoch_is_merged_from_its_rows_and_the_last_value_wins() -> None:
    epochs = Epochs()
    assert epochs.merge(chunk("0,1,0.9,", "0,2,0.8,", "0,2,,0.5")) == [0]
    assert epochs.of(0) == {"train/loss": 0.8, "val/loss": 0.5}
    assert epochs.merge(chunk("0,2,0.8,")) == [], "nothing changed"
    assert epochs.merge(chunk(",3,1.0,", "1,3,nan,")) == [1]
    assert epochs.of(1) == {"train/loss": None}


def test_epochs_have_the_programs_own_numbers() -> None:
    epochs = Epochs()
    assert epochs.merge(
        chunk("0.5,1,0.9,", "1.0,2,0.8,", "1,2,,0.7", "1e308,3,0.5,", "1e400,4,0.5,", "nan,5,0.1,")
    ) == [0.5, 1, 1e308]
    assert epochs.of(1) == {"train/loss": 0.8, "val/loss": 0.7}


def test_the_epochs_behind_rows_are_complete() -> None:
    epochs = Epochs()
    epochs.merge(chunk("0,1,0.9,", "1,2,0.8,", "1,3,,0.5", "2,4,0.7,"))
    assert list(epochs.behind(chunk("1,3,,0.5"))) == [{"epoch": 1, "metrics": {"train/loss": 0.8, "val/loss": 0.5}}]


def test_epochs_beyond_the_cache_are_merged_from_the_rows_at_hand() -> None:
    epochs = Epochs()
    for first in range(0, 2 * MAX_VALUES, 1000):
        epochs.merge(chunk(*(f"{epoch},0,0.5," for epoch in range(first, first + 1000))))
    assert epochs.of(0) == {}
    assert epochs.of(2 * MAX_VALUES - 1) == {"train/loss": 0.5}
    assert list(epochs.behind(chunk("0,0,0.5,"))) == [{"epoch": 0, "metrics": {"train/loss": 0.5}}]
