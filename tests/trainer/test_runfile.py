"""The files of a run that RunFile opens, and the links that it follows."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer.runfile import MAX_JSON_BYTES, SMALL_BYTES, RunFile


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = tmp_path / "runs" / "run-1"
    (path / "csv").mkdir(parents=True)
    (path / "csv" / "metrics.csv").write_text("in the run")
    for folder in ("outside", "allowed"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").write_text(folder)
        (tmp_path / folder / "sub").mkdir()
        (tmp_path / folder / "sub" / "file").write_text(folder)
    return path


def content(run: Path, name: str) -> str | None:
    """Return the text at a path of the run, or None if RunFile opens no file there."""
    file = RunFile(run / name, run, (run.parents[1] / "allowed",))
    try:
        with file.open() as opened:
            text = opened.read().decode()
    except OSError:
        assert not file.exists()
        return None
    assert file.exists()
    assert file.status().st_size == len(text)
    return text


def test_a_file_of_the_run_is_opened_through_links_that_stay_in_it(run: Path) -> None:
    (run / "link.csv").symlink_to("csv/metrics.csv")
    (run / "folder").symlink_to(run / "csv")
    (run / "csv" / "back").symlink_to("../folder")
    for name in ("csv/metrics.csv", "link.csv", "folder/metrics.csv", "csv/back/metrics.csv"):
        assert content(run, name) == "in the run"


def test_a_link_is_followed_only_into_an_allowed_folder(run: Path, tmp_path: Path) -> None:
    for folder, expected in (("allowed", "allowed"), ("outside", None)):
        (run / f"{folder}-file").symlink_to(tmp_path / folder / "file")
        (run / f"{folder}-folder").symlink_to(tmp_path / folder)
        (run / f"{folder}-chain").symlink_to(f"{folder}-folder/sub")
        assert content(run, f"{folder}-file") == expected
        assert content(run, f"{folder}-folder/sub/file") == expected
        assert content(run, f"{folder}-chain/file") == expected


def test_a_link_to_the_run_or_to_an_allowed_folder_is_no_file(run: Path, tmp_path: Path) -> None:
    (run / "run").symlink_to(run)
    (run / "allowed").symlink_to(tmp_path / "allowed")
    assert [content(run, name) for name in ("run", "allowed")] == [None, None]


def test_a_link_cannot_leave_an_allowed_folder(run: Path, tmp_path: Path) -> None:
    (tmp_path / "allowed" / "out").symlink_to(tmp_path / "outside")
    (tmp_path / "allowed-not").mkdir()
    (tmp_path / "allowed-not" / "file").write_text("its name starts with the name of the allowed folder")
    (run / "a").symlink_to(tmp_path / "allowed")
    (run / "b").symlink_to(tmp_path / "allowed-not")
    (run / "c").symlink_to(f"{tmp_path}/allowed/../outside")
    assert [content(run, name) for name in ("a/out/file", "b/file", "c/file")] == [None, None, None]


def test_a_run_and_an_allowed_folder_may_be_reached_by_links(run: Path, tmp_path: Path) -> None:
    (run / "big").symlink_to(tmp_path / "disk" / "sub")
    (tmp_path / "disk").symlink_to("allowed")
    (tmp_path / "linked").symlink_to(run)
    file = RunFile(tmp_path / "linked" / "big" / "file", tmp_path / "linked", (tmp_path / "disk",))
    with file.open() as opened:
        assert opened.read() == b"allowed"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../run-1/csv/metrics.csv", "csv", "csv/metrics.csv/x", "a\0b", "\ud800"]
)
def test_a_name_that_is_not_a_file_of_the_run_is_not_opened(run: Path, name: str) -> None:
    assert content(run, name) is None


def listen(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(path.parent)  # The maximum length of a socket's address is short.
        listener.bind(path.name)


NOT_REGULAR: dict[str, Callable[[Path], None]] = {
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "socket": listen,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "loop": lambda path: path.symlink_to(path.name),
    "dangling": lambda path: path.symlink_to("nowhere"),
}


@pytest.mark.parametrize("kind", NOT_REGULAR)
def test_a_file_that_is_not_regular_is_not_opened_and_does_not_block(
    run: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run)
    NOT_REGULAR[kind](run / "x")
    assert content(run, "x") is None
    (run / "link").symlink_to("x")
    assert content(run, "link") is None
    assert RunFile.alone(run / "x").read_json() is None


def test_a_device_in_an_allowed_folder_is_not_opened(run: Path) -> None:
    (run / "zero").symlink_to("/dev/zero")
    with pytest.raises(OSError, match="regular file"):
        RunFile(run / "zero", run, (Path("/dev"),)).open()


def test_no_descriptor_is_left_open(run: Path, tmp_path: Path) -> None:
    (run / "link").symlink_to(tmp_path / "outside" / "file")
    os.mkfifo(run / "pipe")
    before = len(os.listdir("/proc/self/fd"))
    for name in ("csv/metrics.csv", "csv/none", "link", "pipe", "csv", "csv/metrics.csv/x", ".."):
        content(run, name)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_folder_that_becomes_a_link_between_two_checks_is_not_followed(run: Path, tmp_path: Path) -> None:
    """Swap the folder repeatedly. Whenever RunFile opens the file, it is the run's own."""
    (run / "real").mkdir()
    (run / "real" / "file").write_text("own")
    (run / "next").symlink_to("real")
    found = set()
    for turn in range(200):
        target = tmp_path / "outside" if turn % 2 else Path("real")
        (run / f".{turn}").symlink_to(target)
        os.replace(run / f".{turn}", run / "next")
        found.add(content(run, "next/file"))
    assert found == {"own", None}


def test_a_huge_json_file_is_not_read(run: Path) -> None:
    path = run / "report.json"
    path.write_text('{"a": 1}')
    assert RunFile.alone(path).read_json() == {"a": 1}
    assert RunFile.alone(path).read_json(max_bytes=8) == {"a": 1}
    assert RunFile.alone(path).read_json(max_bytes=7) is None
    os.truncate(path, 2**40)
    assert path.stat().st_size > MAX_JSON_BYTES
    assert RunFile.alone(path).read_json() is None


@pytest.mark.parametrize("num_chars", [0, SMALL_BYTES - 10, SMALL_BYTES - 9, SMALL_BYTES - 8, 3 * SMALL_BYTES])
def test_a_json_file_is_read_up_to_its_limit(run: Path, num_chars: int) -> None:
    content = {"a": "x" * num_chars}
    length = (run / "run.json").write_text(json.dumps(content))
    file = RunFile(run / "run.json", run)
    assert file.read_json(max_bytes=length) == content
    assert file.read_json(max_bytes=length - 1) is None
