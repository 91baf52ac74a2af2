"""The size of a run: what counts, and when it is measured again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.runs.filestate import Remembered, file_states
from app.runs.retention.sizes import Sizes
from tests.app.written import write_files
from tests.waiting import wait_until


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of 60 bytes, with links that do not count."""
    write_files(tmp_path / "elsewhere", "big.bin", content=b"x" * 1000)
    run = tmp_path / "run"
    write_files(run, "train.log", "checkpoints/last.ckpt", "output/a/b/c.bin", content=b"x" * 20)
    os.link(run / "checkpoints" / "last.ckpt", run / "checkpoints" / "best.ckpt")
    (run / "file").symlink_to(tmp_path / "elsewhere" / "big.bin")
    (run / "output" / "folder").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(run / "pipe")
    return run


def size_of_links(run: Path) -> int:
    return sum(path.lstat().st_size for path in (run / "file", run / "output" / "folder"))


def test_every_file_counts_once_and_no_link_is_followed(run: Path) -> None:
    assert Sizes().measure(run, True) == 60 + size_of_links(run)


def test_a_run_that_is_itself_a_link_has_the_size_of_its_files(run: Path) -> None:
    link = run.with_name("link")
    link.symlink_to(run)
    assert Sizes().measure(link, True) == Sizes().measure(run, True)


def test_a_run_that_is_over_is_measured_once_until_something_is_deleted(run: Path) -> None:
    folders = [run, run / "checkpoints", run / "output", run / "output" / "a"]
    wait_until(lambda: Remembered(None, file_states(folders)).is_current(), 5)
    sizes = Sizes()
    before = sizes.measure(run, True)
    assert before is not None
    with open(run / "train.log", "ab") as file:  # Nobody does this after the end, so nobody looks.
        file.write(b"x" * 7)
    assert sizes.measure(run, True) == before
    (run / "checkpoints" / "best.ckpt").unlink()
    (run / "checkpoints" / "last.ckpt").unlink()
    assert sizes.measure(run, True) == before + 7 - 20


def test_an_active_run_is_measured_again_only_after_some_seconds(run: Path) -> None:
    sizes = Sizes()
    before = sizes.measure(run, False)
    write_files(run, "more.bin", content=b"x" * 100)
    assert sizes.measure(run, False) == before
    assert sizes.measure(run, True) == (before or 0) + 100


def test_a_measurement_that_takes_too_long_is_continued(tmp_path: Path) -> None:
    write_files(tmp_path, *(f"{number}/file" for number in range(300)), content=b"x")
    sizes, answers = Sizes(), []
    while not answers or answers[-1] is None:
        answers.append(sizes.measure(tmp_path, True, 0.0005))
    assert answers[-1] == 300
    assert sizes.measure(tmp_path, True, 0) in (None, 300)


def test_a_folder_that_cannot_be_read_makes_the_size_unknown(run: Path) -> None:
    folder = os.open(run, os.O_RDONLY)
    for _ in range(20):  # Nobody can open a path of more than 4,096 bytes, not even root.
        os.mkdir("x" * 250, dir_fd=folder)
        inner = os.open("x" * 250, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    assert Sizes().measure(run, True) is None
