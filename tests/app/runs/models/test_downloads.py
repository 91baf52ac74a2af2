"""What is downloaded of a model: one file, or a model with the data beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.runs.exceptions import FileNotInRun, ModelIncomplete
from app.runs.models.folder import ModelFolder
from tests.app.onnxfile import content_of, external
from tests.app.runs.models.conftest import RUN_ID, card_of
from tests.app.written import write_files

ONNX = content_of()


def test_a_download_is_named_after_the_model_or_keeps_its_name(
    folder: ModelFolder, command: Callable[..., Path]
) -> None:
    write_files(command("a.onnx", "*.pt", request={"model_name": "digits"}), "a.onnx", "b.pt", content=ONNX)
    assert folder.download(RUN_ID, None, None).name == "digits.onnx"
    assert folder.download(RUN_ID, "output/a.onnx", None).name == "a.onnx"
    assert folder.download(RUN_ID, "output/b.pt", None).name == "b.pt"


@pytest.mark.parametrize(
    "file",
    ["b.pt", "output/c.pt", "../state.json", "/etc/passwd", "output/../run.json", "output/./b.pt", "\ud800", "\0"],
)
def test_an_unknown_file_is_refused_with_those_there_are(
    folder: ModelFolder, command: Callable[..., Path], file: str
) -> None:
    write_files(command("*.pt"), "a.pt", "b.pt", "c.txt")
    with pytest.raises(FileNotInRun, match=r"Available: output/[ab]\.pt, output/[ab]\.pt\.$"):
        folder.download(RUN_ID, file, None)
    with pytest.raises(FileNotInRun, match=r"variant 'int8'\. Available: none"):
        folder.download(RUN_ID, None, "int8")


def test_a_run_without_models_says_what_would_be_one(folder: ModelFolder, command: Callable[..., Path]) -> None:
    write_files(command("*.pt", "w/*"), "c.txt")
    with pytest.raises(FileNotInRun, match=r"no file matches \*\.pt, w/\*"):
        folder.download(RUN_ID, None, None)


def test_a_model_with_external_data_is_one_download(folder: ModelFolder, command: Callable[..., Path]) -> None:
    output = command("**/*", request={"model_name": "large"})
    write_files(output, "m/x.onnx", content=content_of(external("w.bin", 8), external("sub/v.bin", 2)))
    write_files(output, "m/w.bin", "m/sub/v.bin", content=b"12345678")
    card = card_of(folder)
    parts = [{"path": "sub/v.bin", "size_bytes": 8}, {"path": "w.bin", "size_bytes": 8}]
    assert sorted(card["external_data"], key=json.dumps) == parts
    assert card["problem"] is None
    download = folder.download(RUN_ID, None, None)
    assert (download.name, set(download.files)) == ("large.zip", {"x.onnx", "w.bin", "sub/v.bin"})
    assert [model.path for model in folder.list(only_onnx=True)] == ["output/m/x.onnx"]


def break_part(part: Path, kind: str, outside: Path) -> None:
    outside.write_bytes(b"12345678")
    part.unlink()
    if kind == "short":
        part.write_bytes(b"1234567")
    elif kind == "link":
        part.symlink_to(outside)
    elif kind == "pipe":
        os.mkfifo(part)
    elif kind == "folder":
        part.mkdir()


@pytest.mark.parametrize("kind", ["missing", "short", "link", "pipe", "folder"])
def test_a_model_without_a_part_cannot_be_downloaded(
    folder: ModelFolder, command: Callable[..., Path], kind: str, tmp_path: Path
) -> None:
    output = command()
    write_files(output, "x.onnx", content=content_of(external("w.bin", 8)))
    write_files(output, "w.bin", content=b"12345678")
    assert card_of(folder)["problem"] is None
    break_part(output / "w.bin", kind, tmp_path / "outside")
    assert "w.bin" in str(card_of(folder)["problem"])
    assert card_of(folder)["external_data"] is None
    with pytest.raises(ModelIncomplete, match=r"w\.bin"):
        folder.download(RUN_ID, None, None)
    assert list(folder.list(only_onnx=True)) == []


@pytest.mark.parametrize("location", ["../../run.json", "/etc/passwd", "../x.onnx"])
def test_a_part_outside_of_the_folder_of_the_model_is_refused(
    folder: ModelFolder, command: Callable[..., Path], location: str
) -> None:
    write_files(command(), "m/x.onnx", content=content_of(external(location)))
    with pytest.raises(ModelIncomplete, match="outside its folder"):
        folder.download(RUN_ID, None, None)
