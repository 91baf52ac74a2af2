from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.trainer.trainings import write_images
from trainer.images import DataInvalid, find_splits, read_image


def folders(path: Path) -> dict[str, Path]:
    return {split: path / split for split in ("train", "val", "test")}


def test_images_are_found_in_a_fixed_order_with_their_classes(tmp_path: Path) -> None:
    write_images(tmp_path, {"b größe": 10, "a": 20}, counts=(2, 1, 1))
    (tmp_path / "train" / "a" / "notes.txt").write_text("no image")
    (tmp_path / "train" / "a" / ".hidden.png").write_bytes(b"")
    train = find_splits(folders(tmp_path))["train"]
    assert train.class_names == ("a", "b größe")
    assert [path.relative_to(train.path).as_posix() for path in train.paths] == [
        "a/0.png",
        "a/1.png",
        "b größe/0.png",
        "b größe/1.png",
    ]
    assert train.labels == (0, 0, 1, 1)


def test_classes_that_differ_between_splits_are_named(tmp_path: Path) -> None:
    write_images(tmp_path, {"a": 10, "b": 20})
    (tmp_path / "val" / "b").rename(tmp_path / "val" / "c")
    with pytest.raises(DataInvalid, match="between train and val: val lacks b and train lacks c"):
        find_splits(folders(tmp_path))


def test_missing_and_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="train data directory does not exist"):
        find_splits(folders(tmp_path))
    (tmp_path / "train").mkdir()
    with pytest.raises(DataInvalid, match="train data directory has no class folders"):
        find_splits(folders(tmp_path))


def test_one_class_is_too_few(tmp_path: Path) -> None:
    write_images(tmp_path, {"a": 10})
    with pytest.raises(DataInvalid, match="at least two"):
        find_splits(folders(tmp_path))


@pytest.mark.parametrize(
    ("mode", "pixel", "channels", "expected"),
    [
        ("L", 100, 1, [100]),
        ("L", 100, 3, [100, 100, 100]),
        ("RGB", (10, 20, 30), 3, [10, 20, 30]),
        ("RGBA", (10, 20, 30, 255), 3, [10, 20, 30]),
        ("I;16", 256 * 100, 1, [100]),
        ("1", 1, 1, [255]),
    ],
)
def test_images_of_every_kind_become_uint8_of_the_wanted_shape(
    tmp_path: Path, mode: str, pixel: int | tuple[int, ...], channels: int, expected: list[int]
) -> None:
    path = tmp_path / "image.png"
    Image.new(mode, (5, 7), pixel).save(path)
    read = read_image(path, channels, 4)
    assert (read.shape, read.dtype) == ((4, 4, channels), np.uint8)
    assert read[0, 0].tolist() == expected


def test_an_image_is_turned_as_its_exif_data_say(tmp_path: Path) -> None:
    image = Image.new("L", (2, 2))
    image.putpixel((0, 0), 255)
    exif = image.getexif()
    exif[0x0112] = 3  # upside down
    image.save(tmp_path / "image.png", exif=exif)
    assert read_image(tmp_path / "image.png", 1, 2)[1, 1, 0] == 255


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n cut off"])
def test_an_unreadable_image_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(DataInvalid, match=r"broken\.png"):
        read_image(path, 1, 8)
