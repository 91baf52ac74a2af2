"""`python -m trainer.split` on real folders."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.app.answers import tree
from tests.servers import ROOT
from tests.trainer.trainings import write_images
from trainer.split import main


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Class folders without splits: 20 images of cats and 40 of dogs."""
    write_images(tmp_path / "made", {"cat": 60, "dog": 180}, counts=(20, 20, 1))
    (tmp_path / "made" / "train").rename(tmp_path / "flat")
    for path in (tmp_path / "made" / "val" / "dog").iterdir():
        path.rename(tmp_path / "flat" / "dog" / f"more_{path.name}")
    shutil.rmtree(tmp_path / "made")
    return tmp_path / "flat"


def counts(dataset: Path) -> dict[str, dict[str, int]]:
    return {
        split.name: dict(Counter(path.relative_to(split).parts[0] for path in split.rglob("*.png")))
        for split in dataset.iterdir()
    }


def test_split_writes_a_dataset_beside_the_folder_and_does_not_change_the_folder(flat: Path) -> None:
    before = tree(flat)
    argv = [sys.executable, "-m", "trainer.split", str(flat)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    made = flat.with_name("flat-split")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"val: 9 images in {made / 'val'}" in done.stdout
    assert counts(made) == {"train": {"cat": 14, "dog": 28}, "val": {"cat": 3, "dog": 6}, "test": {"cat": 3, "dog": 6}}
    assert tree(flat) == before
    contents = sorted(path.read_bytes() for path in made.rglob("*.png"))
    assert contents == sorted(path.read_bytes() for path in flat.rglob("*.png"))


def test_the_same_seed_makes_the_same_splits(flat: Path, tmp_path: Path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert main([str(flat), f"--to={tmp_path / name}", "--seed", seed]) == 0
    names = [sorted(path.relative_to(tmp_path / each) for path in (tmp_path / each).rglob("*.png")) for each in "abc"]
    assert names[0] == names[1] != names[2]


def test_copies_of_an_image_stay_in_one_split(flat: Path, tmp_path: Path) -> None:
    for path in list(flat.rglob("*.png")):
        shutil.copy(path, path.with_name(f"copy of {path.name}"))
    assert main([str(flat), f"--to={tmp_path / 'made'}", "--test=0.3", "--val=0.3"]) == 0
    splits = [{path.read_bytes() for path in split.rglob("*.png")} for split in (tmp_path / "made").iterdir()]
    assert sum(map(len, splits)) == len(set().union(*splits)) == 60


def test_without_a_test_share_there_is_no_test_folder(flat: Path, tmp_path: Path) -> None:
    assert main([str(flat), f"--to={tmp_path / 'made'}", "--test=0"]) == 0
    assert counts(tmp_path / "made").keys() == {"train", "val"}


def test_links_lead_to_the_images(flat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["flat", "--to=made", "--how=link"]) == 0
    made = list((tmp_path / "made").rglob("*.png"))
    assert len(made) == 60
    assert all(path.is_symlink() and path.read_bytes() for path in made)


def test_move_removes_the_images_from_the_folder_and_keeps_other_files(
    flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (flat / "cat" / "deeper").mkdir()
    (flat / "cat" / "0.png").rename(flat / "cat" / "deeper" / "0.png")
    (flat / "cat" / "notes.txt").write_text("not an image")
    assert main([str(flat), f"--to={tmp_path / 'made'}", "--how=move"]) == 0
    assert [path.relative_to(flat).as_posix() for path in flat.rglob("*")] == ["cat", "cat/notes.txt"]
    assert len(list((tmp_path / "made").glob("*/cat/deeper/0.png"))) == 1
    assert "1 file that is not an image" in capsys.readouterr().out


def test_nothing_is_overwritten(flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(flat)]) == 0
    before = tree(tmp_path)
    assert main([str(flat)]) == 1
    assert "already exists" in capsys.readouterr().err
    assert main([str(flat), f"--to={flat / 'inside'}"]) == 1
    assert tree(tmp_path) == before


def test_leftovers_of_an_interrupted_split_are_reported(
    flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".flat-split.part").mkdir()
    assert main([str(flat)]) == 1
    assert ".flat-split.part" in capsys.readouterr().err


def test_a_folder_with_splits_without_classes_or_with_too_few_images_is_refused(
    flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_images(tmp_path / "whole", {"cat": 60, "dog": 180})
    (tmp_path / "empty").mkdir()
    for path in list((flat / "cat").iterdir())[2:]:
        path.unlink()
    for folder, reason in (
        ("whole", "already has splits (train"),
        ("empty", "no class folders"),
        ("flat", ": cat"),
    ):
        assert main([str(tmp_path / folder)]) == 1
        assert reason in capsys.readouterr().err
    assert not (tmp_path / "flat-split").exists()
