"""Readers and writers of a run directory."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path

import pytest

from trainer.rundir import RunDir, is_there, read_json, write_json, write_text


def test_written_content_is_read_back(tmp_path: Path) -> None:
    content = {"text": "é 漢字 🙂", "number": 1.5, "nothing": None, "list": [1, 2]}
    write_json(tmp_path / "x.json", content)
    write_json(tmp_path / "x.json", content)
    assert read_json(tmp_path / "x.json") == content
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"], "no temporary file is left"


def test_a_failed_write_keeps_the_old_file_and_leaves_no_temporary_one(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_text(tmp_path / "x", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_an_error_of_a_write_names_the_file(tmp_path: Path) -> None:
    """A full disk may still create a file."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            write_text(tmp_path / "x", "text")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.filename == str(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"3", b"\xff\xfe", b"[" * 100_000, b'{"a": 1} x'])
def test_content_that_is_not_an_object_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    assert read_json(tmp_path / "x.json") is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_other_encodings_are_understood(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "x.json").write_text('{"a": "ü"}', encoding=encoding)
    assert read_json(tmp_path / "x.json") == {"a": "ü"}


def test_a_missing_file_or_a_directory_is_none(tmp_path: Path) -> None:
    assert read_json(tmp_path / "missing") is None
    assert read_json(tmp_path) is None
    assert read_json(tmp_path / "missing" / "x") is None


def test_numbers_that_json_does_not_have_are_none(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": NaN, "b": [Infinity, -Infinity], "c": 1e999}')
    assert read_json(tmp_path / "x.json") == {"a": None, "b": [None, None], "c": None}


def test_each_write_replaces_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for number in range(200):
        write_json(path, {"number": number, "padding": "x" * number * 100})
        assert json.loads(path.read_text())["number"] == number


def test_is_there_tells_whether_a_path_exists(tmp_path: Path) -> None:
    assert is_there(tmp_path)
    assert not is_there(tmp_path / "missing")
    assert not is_there(tmp_path / "missing" / "deeper")


def test_the_log_of_another_program_may_have_any_name(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    assert run.find_log() == run.log
    for name, time in (("old.log", 10**9), ("new.log", 2 * 10**9), ("later.txt", 3 * 10**9)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time, time))
    (tmp_path / "link.log").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "fifo.log")
    assert run.find_log().name == "new.log"
    run.log.touch()
    assert run.find_log() == run.log


def test_a_run_of_ours_has_no_other_log(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    (tmp_path / "other.log").touch()
    run.run.touch()
    assert run.find_log() == run.log
