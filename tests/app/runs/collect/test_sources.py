from __future__ import annotations

from pathlib import Path

import pytest

from app.runs.collect.csvrows import CsvRows
from app.runs.collect.jsondocument import JsonDocument
from app.runs.collect.jsonlines import JsonLines
from app.runs.collect.sources import source_of
from trainer.runfile import RunFile


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("training.log", "epoch,loss\n0,1.5\n", CsvRows),
        ("log.txt", '{"epoch": 0, "train_loss": 1.5}\n', JsonLines),
        ("metrics.json", '\ufeff{"iteration": 19, "total_loss": 1.5}\n', JsonLines),
        ("metrics.json", '[{"epoch": 0}, {"epoch": 1}]', JsonDocument),
        ("metrics.json", '{\n  "epoch": 0\n}\n', JsonDocument),
        ("trainer_state.json", '{"log_history": [{"loss": 1.5}]}', JsonDocument),
        ("history.json", '{"loss": [1.5, 1.2], "val_loss": [1.6, 1.4]}', JsonDocument),
        ("progress.json", "", type(None)),
    ],
)
def test_a_file_is_read_by_how_it_begins(tmp_path: Path, name: str, text: str, kind: type) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert type(source_of(name, RunFile.alone(tmp_path / name))) is kind
