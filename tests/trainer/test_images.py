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
    with pytest.raises(DataInvalid, match="val lacks b, which train has; val has c, which train lacks"):
        find_splits(folders(tmp_path))


def test_missing_and_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="train cannot be read: No such file or directory"):
        find_splits(folders(tmp_path))
    (tmp_path / "train").mkdir()
    with pytest.raises(DataInvalid, match="train has no class folders with images"):
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
        ("RGBA", (10, 20, 30, 0), 3, [255, 255, 255]),
        ("RGBA", (0, 0, 0, 51), 3, [204, 204, 204]),
        ("LA", (90, 0), 1, [255]),
        ("P", 0, 3, [0, 0, 0]),
        ("I;16", 256 * 100, 1, [100]),
        ("I;16", 65535, 3, [255, 255, 255]),
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


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bits_are_scaled_whatever_their_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(np.array([[0, 255], [256, 65535]], dtype=np.uint16)).save(path)
    assert read_image(path, 1, 2)[..., 0].tolist() == [[0, 0], [1, 255]]


def test_a_transparent_palette_shows_white(tmp_path: Path) -> None:
    path = tmp_path / "image.gif"
    image = Image.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    image.save(path, transparency=1)
    assert read_image(path, 3, 2)[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_is_turned_in_each_of_the_eight_ways(tmp_path: Path, orientation: int) -> None:
    marked = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}
    image = Image.new("L", (32, 32))
    image.paste(255, (0, 0, 16, 16))
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / "image.jpg", exif=exif)
    pixels = read_image(tmp_path / "image.jpg", 1, 2)[..., 0]
    assert np.unravel_index(int(pixels.argmax()), (2, 2)) == marked[orientation]


def test_a_name_beyond_ascii_and_links_are_read(tmp_path: Path) -> None:
    write_images(tmp_path / "kept", {"größe 大": 10, "b": 20})
    (tmp_path / "linked").mkdir()
    for split in ("train", "val", "test"):
        (tmp_path / "linked" / split).mkdir()
        for name in ("größe 大", "b"):
            (tmp_path / "linked" / split / name).symlink_to(tmp_path / "kept" / split / name)
    (tmp_path / "kept" / "train" / "b" / "link ✓.png").symlink_to(tmp_path / "kept" / "train" / "b" / "0.png")
    train = find_splits(folders(tmp_path / "linked"))["train"]
    assert train.class_names == ("b", "größe 大")
    assert "link ✓.png" in [path.name for path in train.paths]
    assert all(read_image(path, 3, 4).shape == (4, 4, 3) for path in train.paths)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n cut off"])
def test_an_unreadable_image_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(DataInvalid, match=r"broken\.png"):
        read_image(path, 1, 8)
