"""The images, other files, folders and problems in a folder. An unreadable file never counts as absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trainer.dataset.imagefolder import contents, list_folder, name_problem


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def names(paths: list[Path], folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


LEFT_BEHIND = """@eaDir/a.png/SYNOPHOTO_THUMB_M.jpg  #recycle/a.png  .thumbnails/a.png  __MACOSX/._a.png  __MACOSX/a.png
._a.png  .a.png  .ipynb_checkpoints/a-checkpoint.png  lost+found/a.png  $RECYCLE.BIN/a.png  @Recycle/a.png
Thumbs.db  desktop.ini  .DS_Store"""


@pytest.mark.parametrize("left", LEFT_BEHIND.split())
def test_files_that_other_programs_leave_behind_count_as_absent(tmp_path: Path, left: str) -> None:
    touch(tmp_path / "photo.png", tmp_path / left, tmp_path / "deeper" / left)
    found = contents(tmp_path)
    assert names(found.images, tmp_path) == ["photo.png"]
    assert (found.ignored, found.problems) == ([], [])
    assert names(list_folder(tmp_path).folders, tmp_path) == ["deeper"]


def test_files_that_are_not_images_are_listed(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("b.HEIC", "a.txt", "no_extension", "c.png", "in/d.json", "in/e.Jpg")))
    found = contents(tmp_path)
    assert names(found.images, tmp_path) == ["c.png", "in/e.Jpg"]
    assert names(found.ignored, tmp_path) == ["a.txt", "b.HEIC", "no_extension", "in/d.json"]


def test_linked_folders_are_read_at_every_depth(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere" / "deep" / "a.png")
    (tmp_path / "cats" / "years").mkdir(parents=True)
    (tmp_path / "cats" / "years" / "2020").symlink_to(tmp_path / "elsewhere")
    assert names(contents(tmp_path / "cats").images, tmp_path) == ["cats/years/2020/deep/a.png"]


def test_each_image_counts_once_despite_circular_links(tmp_path: Path) -> None:
    touch(tmp_path / "train" / "cats" / "a.png", tmp_path / "train" / "dogs" / "b.png")
    cats = tmp_path / "train" / "cats"
    (cats / "here").symlink_to(".")
    (cats / "up").symlink_to("..")
    (cats / "root").symlink_to("/")
    (cats / "again").mkdir()
    (cats / "again" / "link").symlink_to(cats / "again")
    found = contents(cats)
    assert names(found.images, cats) == ["a.png"]
    assert names(found.repeated, cats) == ["again/link", "here", "root", "up"]
    assert found.problems == []


def test_a_broken_link_is_a_problem_if_it_may_have_led_to_a_folder(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "unmounted").symlink_to("/no/such/disk")
    (tmp_path / "notes.txt").symlink_to("/no/such/file")
    (tmp_path / "lost.png").symlink_to("nowhere.png")
    found = contents(tmp_path)
    assert [each.path.name for each in found.problems] == ["loop", "unmounted"]
    assert "/no/such/disk" in found.problems[1].reason
    # The image counts. Opening it fails with an error that names it.
    assert (names(found.images, tmp_path), names(found.ignored, tmp_path)) == (["lost.png"], ["notes.txt"])


def test_a_folder_that_does_not_exist_is_a_problem(tmp_path: Path) -> None:
    (problem,) = contents(tmp_path / "none").problems
    assert (problem.path, problem.reason) == (tmp_path / "none", "No such file or directory")


@pytest.mark.parametrize("name", ["cat\t1", "cat\n", "cat\x1b[2J", "cat\x7f", "cat\u2028dog", os.fsdecode(b"cat\xff")])
def test_a_class_name_must_be_one_line_of_text(name: str) -> None:
    assert name_problem(name) is not None


@pytest.mark.parametrize("name", ["cat", "Kätzchen 猫", "日本\u3000語", "a b", "😀", "cat,dog", "'quoted'", "-"])
def test_other_class_names_are_fine(name: str) -> None:
    assert name_problem(name) is None
