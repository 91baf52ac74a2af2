from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.trainer.trainings import ROOT
from trainer.dataset.imagefile import Depth, Inspection, content_digest, inspect
from trainer.dataset.splits import Layout
from trainer.preflight.__main__ import check_once
from trainer.preparation.images import Split, find_split
from trainer.preparation.inspection import inspect_split

LONG_AGO = (1_000_000_000, 1_000_000_000)


class Recorder(list[int]):
    """The number of files that each inspection read."""

    def __call__(self, done: int, total: int) -> None:
        if done == 0:
            self.append(total)


def split_of(folder: Path, *paths: Path) -> Split:
    return Split(folder, ("a",), paths, (0,) * len(paths))


@pytest.fixture
def pictures() -> Split:
    """A split with a file that is old enough to be remembered."""
    return split_of(ROOT / "docs", ROOT / "docs" / "page.png")


def digests(inspections: list[Inspection]) -> list[bytes]:
    return [seen.digest for seen in inspections]


def test_files_that_did_not_change_are_not_read_again(tmp_path: Path, pictures: Split) -> None:
    reported = Recorder()
    first = digests(inspect_split(pictures, tmp_path, Depth.DEEP_IMAGES, reported))
    assert first == [content_digest(path.read_bytes()) for path in pictures.paths]
    assert digests(inspect_split(pictures, tmp_path, Depth.DEEP_IMAGES, reported)) == first
    assert reported == [1, 0]
    inspect_split(pictures, tmp_path, Depth.PIXELS, reported)
    inspect_split(pictures, tmp_path, Depth.DEEP_IMAGES, reported)
    assert reported == [1, 0, 1, 0]  # only for a deeper inspection
    assert len(list(tmp_path.iterdir())) == 1


def test_two_parts_of_a_folder_share_a_cache(tmp_path: Path, pictures: Split) -> None:
    reported, other = Recorder(), split_of(pictures.path, ROOT / "docs" / "experiments.md")
    for split in (pictures, other, pictures):
        inspect_split(split, tmp_path, Depth.DEEP_IMAGES, reported)
    assert reported == [1, 1, 0]


@pytest.mark.parametrize(
    ("decode_s", "depth", "num_read"), [(60, Depth.PIXELS, 0), (0, Depth.PIXELS, 1), (0, Depth.DEEP_IMAGES, 0)]
)
def test_a_training_reads_only_what_the_check_has_not_read(
    tmp_path: Path, pictures: Split, decode_s: float, depth: Depth, num_read: int
) -> None:
    folder, reported = tmp_path / "train", Recorder()
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "link.png").symlink_to(pictures.paths[0])
    check_once(Layout({"train": folder}), tmp_path / "report.json", decode_s, tmp_path / "cache")
    assert digests(inspect_split(find_split("train", folder), tmp_path / "cache", depth, reported)) == [
        content_digest(pictures.paths[0].read_bytes())
    ]
    assert reported == [num_read]


def test_a_deep_image_needs_its_pixels(tmp_path: Path) -> None:
    Image.fromarray(np.array([[3, 900]], np.uint16)).save(tmp_path / "deep.png")
    depths = [inspect(tmp_path / "deep.png", depth).depth for depth in Depth]
    assert depths == [Depth.HEADER, Depth.PIXELS, Depth.PIXELS]


def test_a_damaged_cache_is_ignored(tmp_path: Path, pictures: Split) -> None:
    reported = Recorder()
    first = digests(inspect_split(pictures, tmp_path, Depth.DEEP_IMAGES, reported))
    (cached,) = tmp_path.iterdir()
    content = cached.read_bytes()
    for damaged in (b"", content[:-1], b"\0" * len(content), b"[]"):
        cached.write_bytes(damaged)
        assert digests(inspect_split(pictures, tmp_path, Depth.DEEP_IMAGES, reported)) == first
    assert reported == [1] * 5


def test_a_changed_file_is_noticed_even_if_its_size_and_time_are_the_same(tmp_path: Path) -> None:
    image = tmp_path / "image.bmp"
    for grey in (1, 2):
        Image.new("L", (2, 2), grey).save(image)
        os.utime(image, LONG_AGO)
        (seen,) = inspect_split(split_of(tmp_path, image), tmp_path / "cache", Depth.PIXELS, Recorder())
        assert seen.digest == content_digest(image.read_bytes())


def test_a_name_that_is_not_unicode_is_inspected_like_any_other(tmp_path: Path) -> None:
    image = Path(os.fsdecode(bytes(tmp_path) + b"/\xff.png"))
    Image.new("L", (2, 2)).save(image, "PNG")
    (seen,) = inspect_split(split_of(tmp_path, image), tmp_path / "cache", Depth.PIXELS, Recorder())
    assert seen.problem is None


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("nowhere")])
def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path, make: object) -> None:
    image = tmp_path / "broken.png"
    assert callable(make)
    make(image)
    (seen,) = inspect_split(split_of(tmp_path, image), tmp_path / "cache", Depth.DEEP_IMAGES, Recorder())
    assert seen.problem


def test_only_deep_images_are_decoded_unless_all_pixels_are_requested(tmp_path: Path) -> None:
    Image.fromarray(np.array([[3, 900]], np.uint16)).save(tmp_path / "deep.png")
    Image.new("L", (9, 9), 7).save(tmp_path / "cut.bmp")
    content = (tmp_path / "cut.bmp").read_bytes()
    (tmp_path / "cut.bmp").write_bytes(content[:-20])
    split = split_of(tmp_path, tmp_path / "deep.png", tmp_path / "cut.bmp")
    deep, cut = inspect_split(split, tmp_path / "cache", Depth.DEEP_IMAGES, Recorder())
    assert deep.extremes is not None
    assert (deep.extremes.low, deep.extremes.high, cut.problem) == (3, 900, None)
    assert inspect_split(split, tmp_path / "cache", Depth.PIXELS, Recorder())[1].problem
