from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.trainer.trainings import ROOT
from trainer.digests import digests_of
from trainer.imagefile import content_digest
from trainer.images import DataInvalid, Split


class Told(list[int]):
    """How many files were read, round by round."""

    def __call__(self, done: int, total: int) -> None:
        if done == 0:
            self.append(total)


def split_of(folder: Path, *paths: Path) -> Split:
    return Split(folder, ("a",), paths, (0,) * len(paths))


def test_files_that_did_not_change_are_not_read_again(tmp_path: Path) -> None:
    # Any files will do; these are old enough to be remembered.
    split, told = split_of(ROOT / "docs", *sorted((ROOT / "docs").glob("*.*"))), Told()
    first = digests_of(split, tmp_path / "kept", told)
    assert first == [content_digest(path.read_bytes()) for path in split.paths]
    assert digests_of(split, tmp_path / "kept", told) == first
    fewer = split_of(split.path, *split.paths[1:])
    assert digests_of(fewer, tmp_path / "kept", told) == first[1:]
    assert told == [len(split), 0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_two_parts_of_a_folder_share_a_memory(tmp_path: Path) -> None:
    split, told, kept = split_of(ROOT / "docs", *sorted((ROOT / "docs").glob("*.*"))), Told(), tmp_path / "kept"
    parts = split_of(split.path, *split.paths[:1]), split_of(split.path, *split.paths[1:])
    for _ in range(2):
        for part in parts:
            digests_of(part, kept, told)
    assert told == [len(parts[0]), len(parts[1]), 0, 0]


def test_a_damaged_memory_is_not_believed(tmp_path: Path) -> None:
    split, told, kept = split_of(ROOT, ROOT / "README.md"), Told(), tmp_path / "kept"
    first = digests_of(split, kept, told)
    content = kept.read_bytes()
    for damaged in (b"", content[:-1], content.replace(first[0].hex().encode(), b"0" * 32), b"\0" * len(content)):
        kept.write_bytes(damaged)
        assert digests_of(split, kept, told) == first
    assert told == [1] * 5


def test_a_changed_file_is_noticed_even_if_its_size_and_time_are_as_before(tmp_path: Path) -> None:
    image, kept = tmp_path / "image.png", tmp_path / "kept"
    for content in (b"one", b"two"):
        image.write_bytes(content)
        os.utime(image, (1_000_000_000, 1_000_000_000))
        assert digests_of(split_of(tmp_path, image), kept, Told()) == [content_digest(content)]


def test_names_that_are_no_text_are_remembered_like_any_other(tmp_path: Path) -> None:
    image = Path(os.fsdecode(bytes(tmp_path) + b"/\xff.png"))
    image.write_bytes(b"content")
    assert digests_of(split_of(tmp_path, image), tmp_path / "kept", Told()) == [content_digest(b"content")]


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("nowhere")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, make: object) -> None:
    image = tmp_path / "broken.png"
    assert callable(make)
    make(image)
    with pytest.raises(DataInvalid, match=r"image cannot be read: .*broken\.png"):
        digests_of(split_of(tmp_path, image), tmp_path / "kept", Told())
