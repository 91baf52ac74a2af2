from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from trainer.digits import NUM_IMAGES, main, prepare


def listing(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.png"))}


def test_the_split_is_stratified_and_the_same_each_time(digits: Path, tmp_path: Path) -> None:
    assert prepare(tmp_path / "again")
    files = listing(tmp_path / "again")
    assert files == listing(digits)
    assert len(files) == NUM_IMAGES
    counts = Counter(name.rpartition("/")[0] for name in files)
    assert {name.partition("/")[0] for name in counts} == {"train", "val", "test"}
    for split, share in (("train", 0.7), ("val", 0.15), ("test", 0.15)):
        for label in range(10):
            of_class = sum(counts[f"{each}/{label}"] for each in ("train", "val", "test"))
            assert abs(counts[f"{split}/{label}"] - share * of_class) < 2


def test_no_image_is_in_two_splits(digits: Path) -> None:
    names = [name.rpartition("/")[2] for name in listing(digits)]
    assert len(names) == len(set(names))


def test_prepare_keeps_a_complete_dataset_and_rebuilds_an_incomplete_one(digits: Path, tmp_path: Path) -> None:
    folder = tmp_path / "digits"
    shutil.copytree(digits, folder)
    assert not prepare(folder)
    shutil.rmtree(folder / "val" / "3")
    assert prepare(folder)
    assert listing(folder) == listing(digits)
    assert [path.name for path in tmp_path.iterdir()] == ["digits"]


def test_main_prints_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("written", "already there"):
        main([str(tmp_path / "digits")])
        assert capsys.readouterr().out.endswith(f"1,797 images in train, val and test, {word}\n")


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train" / "0").mkdir(parents=True)
    (tmp_path / "train" / "0" / "holiday.jpg").touch()
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path)])
    assert ended.value.code == 2
    assert "holiday.jpg" in capsys.readouterr().err
    assert (tmp_path / "train" / "0" / "holiday.jpg").exists()
