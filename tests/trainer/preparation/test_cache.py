from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.trainer.limits import files_of_at_most_1000_bytes
from tests.trainer.trainings import ROOT, write_images
from tests.waiting import wait_until
from trainer.dataset.imagefile import read_image
from trainer.dataset.invalid import DataInvalid
from trainer.dataset.pixelfile import PixelFile
from trainer.dataset.valuerange import ValueRange
from trainer.preparation.cache import ImageCache
from trainer.preparation.images import Split, find_split

SPLITS = ("train", "val", "test")


class Home:
    """A cache and the lines that it logged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []

    def open(self, data: Path, max_bytes: int = 10**9, size: int = 8) -> dict[str, PixelFile]:
        splits = {name: find_split(name, data / name) for name in SPLITS}
        return self.open_splits(splits, max_bytes, size)

    def open_splits(
        self,
        splits: dict[str, Split],
        max_bytes: int = 10**9,
        size: int = 8,
        value_range: ValueRange | None = None,
    ) -> dict[str, PixelFile]:
        cache = ImageCache(self.folder, max_bytes, self.lines.append, lambda done, total: None)
        return cache.open(splits, 1, size, value_range)

    @property
    def num_decoded(self) -> int:
        """The number of splits that the cache decoded."""
        return sum(line.startswith("decoding the ") for line in self.lines)

    @property
    def unfinished(self) -> list[str]:
        return [path.name for path in self.folder.glob(".*")]

    @property
    def names(self) -> set[str]:
        return {path.name for path in self.folder.glob("*.pixels")}


@pytest.fixture
def cache(tmp_path: Path) -> Home:
    return Home(tmp_path / "cache")


def pixels_of(data: Path, split: str, size: int = 8) -> NDArray[np.uint8]:
    return np.stack([read_image(path, 1, size).transpose(2, 0, 1) for path in find_split(split, data / split).paths])


def pixels_in(file: PixelFile, count: int) -> NDArray[np.uint8]:
    return file.take(range(count))


def test_images_are_decoded_correctly_and_only_once(cache: Home, squares: Path) -> None:
    for size in (8, 8, 5, 5):
        files = cache.open(squares, size=size)
        for split, count in (("train", 40), ("val", 8), ("test", 8)):
            assert np.array_equal(pixels_in(files[split], count), pixels_of(squares, split, size))
    assert cache.num_decoded == 6
    assert len(cache.names) == 6


def test_the_same_images_in_another_folder_are_not_decoded_again(cache: Home, squares: Path, tmp_path: Path) -> None:
    cache.open(squares)
    shutil.copytree(squares, tmp_path / "copy")
    assert cache.open(tmp_path / "copy")
    twice = find_split("val", squares / "val")
    assert cache.open_splits({"val": twice, "test": twice})
    assert cache.num_decoded == 3


def test_one_changed_image_is_noticed(cache: Home, tmp_path: Path) -> None:
    data = write_images(tmp_path / "data", {"a": 50, "b": 200})
    before = pixels_in(cache.open(data)["train"], 40)
    image, other = data / "train" / "a" / "0.png", data / "train" / "b" / "0.png"
    image.write_bytes(other.read_bytes())
    after = pixels_in(cache.open(data)["train"], 40)
    assert np.array_equal(after, pixels_of(data, "train"))
    assert (before != after).any((1, 2, 3)).tolist() == [True] + [False] * 39
    assert cache.num_decoded == 4


@pytest.mark.parametrize("size", [0, 60])
def test_a_file_that_was_cut_off_is_rebuilt(cache: Home, squares: Path, size: int) -> None:
    cache.open(squares)
    for name in cache.names:
        os.truncate(cache.folder / name, size)
    files = cache.open(squares)
    assert np.array_equal(pixels_in(files["train"], 40), pixels_of(squares, "train"))
    assert cache.num_decoded == 6


def test_an_unreadable_image_is_reported_and_leaves_no_file(cache: Home, tmp_path: Path) -> None:
    data = write_images(tmp_path / "data", {"a": 50, "b": 200})
    (data / "val" / "b" / "broken.png").write_bytes(b"no image")
    with pytest.raises(DataInvalid, match=r"val/b/broken\.png"):
        cache.open(data)
    assert not cache.names
    (data / "val" / "b" / "broken.png").unlink()
    Image.new("L", (8, 8)).save(data / "val" / "b" / "cut.bmp")  # only decoding shows the damage
    os.truncate(data / "val" / "b" / "cut.bmp", 1100)
    with pytest.raises(DataInvalid, match=r"val/b/cut\.bmp"):
        cache.open(data)
    assert len(cache.names) == 1  # the complete file of train
    assert not cache.unfinished


def test_the_least_recently_used_file_is_deleted_and_files_in_use_stay(cache: Home, squares: Path) -> None:
    splits = {"train": find_split("train", squares / "train")}
    held = cache.open_splits(splits, size=50)
    for size in (49, 48, 49):
        cache.open_splits(splits, size=size)
    before = cache.names
    used = sum(path.stat().st_size for path in cache.folder.iterdir())
    needed = 40 * 47 * 47
    # The limit is too small by less than one file.
    cache.open_splits(splits, used + needed - 50_000, size=47)
    (gone,), (made,) = before - cache.names, cache.names - before
    sizes = {path.stat().st_size for path in cache.folder.glob("*.pixels")}
    assert sizes == {40 * side * side for side in (50, 49, 47)}, gone
    assert np.array_equal(pixels_in(held["train"], 40), pixels_of(squares, "train", 50))
    del held
    cache.open_splits(splits, needed, size=47)
    assert cache.names == {made}


def test_images_larger_than_the_limit_are_not_cached(cache: Home, squares: Path) -> None:
    assert cache.open(squares, max_bytes=1000) == {}
    [line] = cache.lines
    assert "data.cache_max_gb (0.00 GB)" in line
    assert not cache.folder.exists()


def test_images_that_fit_only_without_the_files_in_use_are_not_cached(cache: Home, squares: Path) -> None:
    held = cache.open(squares)
    assert cache.open(squares, max_bytes=6000, size=9) == {}
    assert "other active trainings" in cache.lines[-1]
    assert len(cache.names) == 3
    del held
    assert set(cache.open(squares, max_bytes=6000, size=9)) == set(SPLITS)


def test_images_that_do_not_fit_on_the_disk_are_not_cached(cache: Home, squares: Path) -> None:
    cache.open(squares)
    assert cache.open(squares, max_bytes=10**18, size=10**7) == {}
    assert "do not fit on the disk" in cache.lines[-1]
    assert len(cache.names) == 3


def test_a_failed_write_only_disables_the_cache(cache: Home, squares: Path) -> None:
    with files_of_at_most_1000_bytes():
        assert cache.open(squares) == {}
    assert "File too large" in cache.lines[-1]
    assert not [*cache.names, *cache.unfinished]


def test_hidden_files_of_others_stay_and_do_not_disable_the_cache(cache: Home, squares: Path) -> None:
    (cache.folder / ".snapshots").mkdir(parents=True)
    (cache.folder / ".gitignore").write_text("*")
    left_behind = [cache.folder / ".a1.pixels.123", cache.folder / ".a1.inspected.123"]
    for path in left_behind:
        path.touch()
    assert cache.open(squares)
    assert sorted(cache.unfinished) == [".gitignore", ".snapshots"]


def test_an_unusable_folder_only_disables_the_cache(cache: Home, squares: Path) -> None:
    cache.folder.write_text("a file")
    assert cache.open(squares) == {}
    assert "File exists" in cache.lines[0]


def test_another_value_range_gives_other_pixels(cache: Home, tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((8, 8), 100, np.uint16)).save(path)
    split = {"train": Split(tmp_path, ("a",), (path,), (0,))}
    for value_range, grey in ((ValueRange(0, 255), 100), (ValueRange(0, 510), 50)):
        files = cache.open_splits(split, value_range=value_range)
        assert set(pixels_in(files["train"], 1).flatten().tolist()) == {grey}
    assert len(cache.names) == 2


PROGRAM = """
import os, sys
from pathlib import Path
from trainer.preparation.cache import ImageCache
from trainer.preparation.images import find_split
splits = {name: find_split(name, Path(sys.argv[2], name)) for name in sys.argv[3:]}
log = lambda line: print(line, flush=True)
def report(done, total):
    if "PAUSE" in os.environ and list(Path(sys.argv[1]).glob(".*.pixels.*")):
        sys.stdin.read()
files = ImageCache(Path(sys.argv[1]), 10**9, log, report).open(splits, 1, 8)
print({name: file.take(range(len(splits[name]))).sum() for name, file in files.items()})
"""


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for each in started:
        each.kill()
        each.wait()


def start(cache: Home, data: Path, *splits: str, log: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Start PROGRAM. With PAUSE in `environment` it pauses while it writes a pixel file."""
    with open(log, "wb") as file:
        argv = [sys.executable, "-c", PROGRAM, str(cache.folder), str(data), *splits]
        pipe = subprocess.PIPE if environment else None
        return subprocess.Popen(argv, cwd=ROOT, stdin=pipe, stdout=file, stderr=file, env=os.environ | environment)


def test_two_trainings_that_start_together_decode_once(
    cache: Home, squares: Path, tmp_path: Path, processes: list[subprocess.Popen[bytes]]
) -> None:
    cache.folder.mkdir()
    logs = [tmp_path / "first.log", tmp_path / "second.log"]
    with open(cache.folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        processes += [start(cache, squares, "train", log=log) for log in logs]
        wait_until(lambda: all(log.read_text().startswith("waiting until another") for log in logs), 30)
    assert [process.wait(30) for process in processes] == [0, 0]
    lines = [log.read_text().splitlines()[1:] for log in logs]
    assert sorted(map(len, lines)) == [1, 2]
    assert lines[0][-1] == lines[1][-1] == str({"train": pixels_of(squares, "train").sum()})


def test_the_partial_file_of_a_killed_training_is_deleted(
    cache: Home, tmp_path: Path, processes: list[subprocess.Popen[bytes]]
) -> None:
    data = write_images(tmp_path / "data", {"a": 50, "b": 200})
    log = tmp_path / "killed.log"
    processes.append(start(cache, data, "val", log=log, PAUSE="1"))
    wait_until(lambda: any(".pixels." in name for name in cache.unfinished), 30, log.read_text)
    processes[0].kill()
    processes[0].communicate()
    assert not cache.names
    files = cache.open_splits({"val": find_split("val", data / "val")})
    assert np.array_equal(pixels_in(files["val"], 8), pixels_of(data, "val"))
    assert not cache.unfinished
