from __future__ import annotations

from pathlib import Path

import pytest

from tests.trainer.trainings import write_images
from trainer.dataset.imagefile import read_image
from trainer.dataset.invalid import DataInvalid
from trainer.preparation.images import find_splits


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


def test_classes_that_differ_between_splits_are_reported(tmp_path: Path) -> None:
    write_images(tmp_path, {"a": 10, "b": 20})
    (tmp_path / "val" / "b").rename(tmp_path / "val" / "c")
    with pytest.raises(DataInvalid, match="val lacks b, which train has; val has c, which train lacks"):
        find_splits(folders(tmp_path))


def test_missing_and_empty_folders_are_reported(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="train cannot be read: No such file or directory"):
        find_splits(folders(tmp_path))
    (tmp_path / "train").mkdir()
    with pytest.raises(DataInvalid, match="train has no class folders with images"):
        find_splits(folders(tmp_path))


def test_one_class_is_too_few(tmp_path: Path) -> None:
    write_images(tmp_path, {"a": 10})
    with pytest.raises(DataInvalid, match="at least two"):
        find_splits(folders(tmp_path))


def test_non_ascii_names_and_links_are_read(tmp_path: Path) -> None:
    write_images(tmp_path / "original", {"größe 大": 10, "b": 20})
    (tmp_path / "linked").mkdir()
    for split in ("train", "val", "test"):
        (tmp_path / "linked" / split).mkdir()
        for name in ("größe 大", "b"):
            (tmp_path / "linked" / split / name).symlink_to(tmp_path / "original" / split / name)
    (tmp_path / "original" / "train" / "b" / "link ✓.png").symlink_to(tmp_path / "original" / "train" / "b" / "0.png")
    train = find_splits(folders(tmp_path / "linked"))["train"]
    assert train.class_names == ("b", "größe 大")
    assert "link ✓.png" in [path.name for path in train.paths]
    assert all(read_image(path, 3, 4).shape == (4, 4, 3) for path in train.paths)
