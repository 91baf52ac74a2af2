from __future__ import annotations

import fcntl
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.dataset.pixelfile import PixelFile, write

IMAGES = np.random.default_rng(0).integers(0, 256, (300, 3, 4, 4), dtype=np.uint8)
SHAPE = (300, 3, 4, 4)


def silent(done: int, total: int) -> None:
    pass


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    target = tmp_path / "images.pixels"
    write(target, SHAPE, lambda index: IMAGES[index], silent)
    yield target
    assert [each.name for each in tmp_path.iterdir()] == [target.name]


def test_written_images_are_read_in_any_order_and_after_pickling(path: Path) -> None:
    file = PixelFile(path, SHAPE)
    for opened in (file, pickle.loads(pickle.dumps(file))):
        taken = opened.take([7, 299, 0, 7])
        assert np.array_equal(taken, IMAGES[[7, 299, 0, 7]])
        assert taken.flags.c_contiguous
        assert taken.flags.writeable


def test_writing_reports_its_progress_from_start_to_end(tmp_path: Path) -> None:
    reported: list[tuple[int, int]] = []
    write(tmp_path / "images", SHAPE, lambda index: IMAGES[index], lambda *progress: reported.append(progress))
    assert reported == [(0, 300), (256, 300), (300, 300)]


@pytest.mark.parametrize("size", [0, 1, IMAGES.nbytes - 1])
def test_a_file_that_is_too_short_is_refused(path: Path, size: int) -> None:
    os.truncate(path, size)
    with pytest.raises(ValueError, match=r"empty file|greater than file size"):
        PixelFile(path, SHAPE)


def test_the_file_is_locked_while_it_is_used(path: Path) -> None:
    first, second = PixelFile(path, SHAPE), PixelFile(path, SHAPE)
    with open(path, "rb") as other:
        for used in (first, second):
            with pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            assert used.take([1]).any()
            del used
        del first, second
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_failed_write_leaves_no_file(tmp_path: Path) -> None:
    def broken(index: int) -> NDArray[np.uint8]:
        if index == 123:
            raise ValueError("no image")
        return IMAGES[index]

    with pytest.raises(ValueError, match="no image"):
        write(tmp_path / "images.pixels", SHAPE, broken, silent)
    assert list(tmp_path.iterdir()) == []
