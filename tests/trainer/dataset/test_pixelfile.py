from __future__ import annotations

import fcntl
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.dataset.pixelfile import PixelFile, PixelFileDamaged, file_bytes, write

KEY = b"source of the pixels"
IMAGES = np.random.default_rng(0).integers(0, 256, (300, 3, 4, 4), dtype=np.uint8)
SHAPE = (300, 3, 4, 4)
NUM_PIXELS = IMAGES.nbytes


def silent(done: int, total: int) -> None:
    pass


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    target = tmp_path / "images.pixels"
    write(target, KEY, SHAPE, lambda index: IMAGES[index], silent)
    yield target
    assert [each.name for each in tmp_path.iterdir()] == [target.name]


def test_written_images_are_read_in_any_order_and_after_pickling(path: Path) -> None:
    assert path.stat().st_size == file_bytes(SHAPE)
    file = PixelFile(path, KEY, SHAPE)
    file.check(silent)
    for opened in (file, pickle.loads(pickle.dumps(file))):
        taken = opened.take([7, 299, 0, 7])
        assert np.array_equal(taken, IMAGES[[7, 299, 0, 7]])
        assert taken.flags.c_contiguous
        assert taken.flags.writeable


def test_a_check_reports_its_progress_from_start_to_end(path: Path) -> None:
    reported: list[tuple[int, int]] = []
    PixelFile(path, KEY, SHAPE).check(lambda done, total: reported.append((done, total)))
    assert reported == [(0, 300), (256, 300), (300, 300)]


@pytest.mark.parametrize("position", [0, NUM_PIXELS - 1, NUM_PIXELS, -17, -16, -1])
def test_one_changed_byte_is_noticed_at_any_position(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    with pytest.raises(PixelFileDamaged):
        PixelFile(path, KEY, SHAPE).check(silent)


@pytest.mark.parametrize("size", [0, 1, NUM_PIXELS, file_bytes(SHAPE) - 1, file_bytes(SHAPE) + 1])
def test_a_wrong_size_is_noticed(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes().ljust(size, b"\0")[:size])
    with pytest.raises(PixelFileDamaged):
        PixelFile(path, KEY, SHAPE)


def test_a_file_with_another_key_or_of_zeros_is_damaged(path: Path) -> None:
    with pytest.raises(PixelFileDamaged):
        PixelFile(path, b"another source", SHAPE)
    path.write_bytes(bytes(file_bytes(SHAPE)))
    with pytest.raises(PixelFileDamaged):
        PixelFile(path, KEY, SHAPE)


def test_the_file_is_locked_while_it_is_used(path: Path) -> None:
    first, second = PixelFile(path, KEY, SHAPE), PixelFile(path, KEY, SHAPE)
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
        write(tmp_path / "images.pixels", KEY, SHAPE, broken, silent)
    assert list(tmp_path.iterdir()) == []
