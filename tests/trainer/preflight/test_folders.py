"""The check of a dataset's folders, apart from that of its images."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.servers import ROOT
from tests.trainer.trainings import write_images
from tests.users import open_folder, run_unprivileged
from trainer.dataset.invalid import DataInvalid
from trainer.dataset.inventory import take_inventory
from trainer.dataset.splits import find_layout
from trainer.preflight.__main__ import main
from trainer.preflight.check import check_images
from trainer.preflight.report import as_text, compose
from trainer.preparation.images import find_splits


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return write_images(tmp_path / "pets", {"cat": 60, "dog": 180}, counts=(12, 3, 3))


def check(base: Path) -> dict[str, Any]:
    inventory = take_inventory(find_layout(base))
    report = compose(inventory, check_images(inventory, 60, lambda _: None))
    assert as_text(report).isprintable() or "\n" in as_text(report)
    return report


def messages(report: dict[str, Any], level: str = "errors") -> dict[str, str]:
    return {finding["kind"]: finding["message"] for finding in report[level]}


def find(base: Path) -> list[str]:
    """Return the splits that a training finds."""
    return list(find_splits(find_layout(base).folders))


# ---- unreadable folders and files ----


def test_an_unreadable_class_folder_makes_training_impossible_and_is_reported() -> None:
    with open_folder() as folder:
        pets = write_images(folder / "pets", {"cat": 60, "dog": 180, "owl": 90}, counts=(2, 1, 1))
        os.chmod(pets / "train" / "dog", 0)
        os.chmod(pets / "val", 0)
        check_it = "from trainer.preflight.__main__ import main", "sys.exit(main(sys.argv[1:]))"
        checked = run_unprivileged(*check_it, str(pets))
        find_them = (
            "from pathlib import Path; from trainer.preparation.images import *; "
            "from trainer.dataset.splits import find_layout"
        )
        trained = run_unprivileged(find_them, "find_splits(find_layout(Path(sys.argv[1])).folders)", str(pets))
    assert checked.returncode == 1
    assert "error: train/dog cannot be read: Permission denied" in checked.stdout
    assert "error: val cannot be read: Permission denied" in checked.stdout
    assert "lacks" not in checked.stdout
    assert "training is impossible" in checked.stdout
    assert trained.returncode == 1
    assert "DataInvalid: train/dog cannot be read: Permission denied" in trained.stderr.splitlines()[-1]


def test_files_with_other_extensions_are_counted_by_extension(pets: Path) -> None:
    for number in range(30):
        (pets / "train" / "cat" / f"IMG_{number}.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    (pets / "val" / "notes.txt").write_text("not an image")
    (pets / "val" / "dog" / "label").write_text("dog")
    code = (
        "import sys; sys.modules['pillow_heif'] = None\n"  # as if it were not installed
        "from trainer.preflight.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    argv = [sys.executable, "-c", code, str(pets)]
    checked = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "30 files ending in .HEIC; install pillow-heif" in checked
    assert "1 file ending in .txt, 1 file without an extension" in checked
    report = check(pets)
    assert report["splits"]["val"]["ignored"] == {".txt": 1, "": 1}
    assert report["errors"] == []


def test_a_class_with_only_unreadable_formats_is_an_error_and_not_an_empty_class(pets: Path) -> None:
    for split in ("train", "val", "test"):
        for number, path in enumerate((pets / split / "dog").iterdir()):
            path.rename(path.with_name(f"{number}.cr2"))
    report = check(pets)
    assert {error["kind"] for error in report["errors"]} == {"unreadable_class"}
    message = messages(report)["unreadable_class"]
    assert message.startswith("test/dog ")
    assert "3 files ending in .cr2" in message


def test_images_outside_class_folders_are_counted(pets: Path) -> None:
    (pets / "train" / "cat" / "0.png").rename(pets / "train" / "0.png")
    warnings = messages(check(pets), "warnings")
    assert list(warnings) == ["loose"]
    assert "1 image" in warnings["loose"]


def test_the_error_for_a_test_folder_without_classes_says_where_its_images_are(pets: Path) -> None:
    for number, path in enumerate((pets / "test").glob("*/*.png")):
        path.rename(pets / "test" / f"{number}.png")
    assert "6 images outside of class folders" in messages(check(pets))["classes"]


def test_thumbnails_of_a_network_storage_are_not_images(pets: Path) -> None:
    folder = pets / "train" / "cat" / "@eaDir" / "0.png"
    folder.mkdir(parents=True)
    Image.new("L", (4, 4)).save(folder / "SYNOPHOTO_THUMB_M.jpg")
    (pets / "@eaDir").mkdir()
    report = check(pets)
    assert report["splits"]["train"]["classes"] == {"cat": 12, "dog": 12}
    assert (report["errors"], report["warnings"]) == ([], [])


def test_a_class_name_that_is_not_a_line_of_text_is_an_error(pets: Path) -> None:
    for split in ("train", "val", "test"):
        (pets / split / "dog").rename(pets / split / "d\tog\n")
    assert "'d\\tog\\n'" in messages(check(pets))["class_name"]
    with pytest.raises(DataInvalid, match="tab or a newline"):
        find(pets)


def test_broken_and_circular_links_are_reported(pets: Path) -> None:
    (pets / "train" / "owl").symlink_to("owl")
    (pets / "train" / "cat" / "all").symlink_to("..")
    report = check(pets)
    assert messages(report)["unreadable_folder"] == "train/owl cannot be read: Too many levels of symbolic links"
    assert "repeated_folder" in messages(report, "warnings")


# ---- folders at the wrong level ----


def test_a_class_whose_images_are_all_in_several_folders_is_a_warning_that_names_them(pets: Path) -> None:
    for split in ("train", "val", "test"):
        (pets / split / "animals" / "all").mkdir(parents=True)
        for name in ("cat", "dog"):
            (pets / split / name).rename(pets / split / "animals" / "all" / name)
    write_images(pets, {"plants": 100}, counts=(12, 3, 3))
    report = check(pets)
    nested = [each["message"] for each in report["warnings"] if each["kind"] == "nested_class"]
    assert [message.partition(":")[0] for message in nested] == ["train", "val", "test"]
    assert "animals (cat, dog)" in nested[0]
    assert report["errors"] == []


def test_one_folder_in_a_class_and_folders_beside_images_are_fine(pets: Path) -> None:
    cat = (pets / "train" / "cat").rename(pets / "train" / "originals")
    (pets / "train" / "cat").mkdir()
    cat.rename(pets / "train" / "cat" / "originals")
    for name in ("a", "b"):
        (pets / "train" / "dog" / name).mkdir()
        (pets / "train" / "dog" / f"{name}.png").write_bytes((pets / "train" / "dog" / "0.png").read_bytes() + b" ")
        (pets / "train" / "dog" / f"{name}.png").rename(pets / "train" / "dog" / name / "0.png")
    assert "nested_class" not in messages(check(pets), "warnings")


def test_splits_among_the_classes_of_train_are_an_error(pets: Path) -> None:
    outer = pets.parent / "outer"
    outer.mkdir()
    pets.rename(outer / "train")
    assert "train has splits (test, train, val) instead of classes" in messages(check(outer))["classes"]


@pytest.mark.parametrize(("names", "right"), [(("inner",), "contents of inner"), (("cat", "dog"), "train/CLASS/IMAGE")])
def test_a_dataset_whose_train_folder_is_one_level_too_deep_is_an_error_that_names_it(
    pets: Path, names: tuple[str, ...], right: str
) -> None:
    for name in names:
        shutil.copytree(pets, pets.parent / "outer" / name)
    error = messages(check(pets.parent / "outer"))["folders"]
    assert ", ".join(names) in error
    assert right in error
    assert "trainer.split" not in error


# ---- splits ----


@pytest.mark.parametrize(
    "names", [("Train", "Val", "Test"), ("TRAIN", "valid", "testing"), ("training", "Validation", "test")]
)
def test_splits_are_found_by_their_usual_names_in_any_case(pets: Path, names: tuple[str, str, str]) -> None:
    for split, name in zip(("train", "val", "test"), names, strict=True):
        (pets / split).rename(pets / name)
    report = check(pets)
    assert {split: Path(each["path"]).name for split, each in report["splits"].items()} == dict(
        zip(("train", "val", "test"), names, strict=True)
    )
    assert (report["errors"], report["warnings"]) == ([], [])


def test_two_folders_for_one_split_are_an_error_that_names_both(pets: Path) -> None:
    (pets / "Valid").mkdir()
    assert "Valid and val" in messages(check(pets))["folders"]


def test_a_missing_split_is_a_warning_that_says_what_happens(pets: Path) -> None:
    for split in ("val", "test"):
        (pets / split).rename(pets / f"old_{split}")
    report = check(pets)
    assert report["errors"] == []
    warnings = [(each["kind"], each["split"]) for each in report["warnings"]]
    assert warnings == [("missing_split", "val"), ("missing_split", "test"), ("unused_folders", None)]
    assert "15%" in report["warnings"][0]["message"]
    assert find(pets) == ["train"]


def test_a_class_of_one_image_cannot_give_a_val_image(pets: Path) -> None:
    for number in range(1, 12):
        (pets / "train" / "dog" / f"{number}.png").unlink()
    assert check(pets)["errors"] == []
    shutil.rmtree(pets / "val")
    assert "dog" in messages(check(pets))["classes"]


def test_the_error_for_a_flat_folder_says_how_to_split_it(pets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flat = (pets / "train").rename(pets.parent / "flat pets")
    assert main([str(flat)]) == 1
    reported = capsys.readouterr().out
    assert "only class folders (cat, dog)" in reported
    assert f"`python -m trainer.split '{flat}'`" in reported


def test_a_dataset_without_a_train_folder_is_an_error(pets: Path) -> None:
    (pets / "train").rename(pets.parent / "train")
    assert "has no train folder" in messages(check(pets))["folders"]
