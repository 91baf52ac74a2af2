"""The check of a dataset on real files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.trainer.preflight.conftest import folders
from tests.trainer.trainings import write_images
from trainer.dataset.imagefile import Depth, inspect
from trainer.dataset.inventory import take_inventory
from trainer.dataset.splits import SPLITS
from trainer.preflight.check import check_images
from trainer.preflight.report import as_text, compose


def check(base: Path, decode_s: float = 60) -> dict[str, Any]:
    inventory = take_inventory(folders(base))
    report = compose(inventory, check_images(inventory, decode_s, lambda _: None))
    json.dumps(report, allow_nan=False).encode()
    assert as_text(report)
    return report


def found(report: dict[str, Any], level: str = "warnings") -> dict[str, dict[str, Any]]:
    return {finding["kind"]: finding for finding in report[level]}


def cut(path: Path, keep: float = 0.6) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])


def noise(path: Path, size: tuple[int, int] = (64, 64), seed: int = 0) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_a_good_dataset_has_no_problems(pets: Path) -> None:
    report = check(pets)
    assert (report["status"], report["done"], report["total"], report["num_decoded"]) == ("checked", 36, 36, 36)
    assert report["splits"]["train"] == {
        "path": str(pets / "train"),
        "num_images": 24,
        "classes": {"cat": 12, "dog": 12},
        "ignored": {},
    }
    assert report["sizes"] == [{"width": 8, "height": 8, "count": 36}]
    assert report["channels"] == {"grey": 36}
    assert (report["errors"], report["warnings"]) == ([], [])


def test_classes_that_differ_make_training_impossible(pets: Path) -> None:
    (pets / "val" / "dog").rename(pets / "val" / "bird")
    reported = [(finding["split"], finding["message"]) for finding in check(pets)["errors"]]
    assert reported == [("val", "val lacks dog, which train has"), ("val", "val has bird, which train lacks")]


def test_one_class_or_none_is_too_few(pets: Path) -> None:
    for file in [*pets.glob("*/dog/*")]:
        file.unlink()
    report = check(pets)
    assert "only one class (cat)" in found(report, "errors")["classes"]["message"]
    assert "no images: dog" in found(report)["empty_class"]["message"]
    for file in [*pets.glob("*/cat/*")]:
        file.unlink()
    assert "no class folders with images" in found(check(pets), "errors")["classes"]["message"]


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "webp", "gif"])
def test_a_truncated_image_is_found_by_decoding_it(pets: Path, suffix: str) -> None:
    cut(noise(pets / "train" / "cat" / f"cut.{suffix}"))
    error = found(check(pets), "errors")["unreadable"]
    assert (error["split"], error["count"]) == ("train", 1)
    assert error["files"][0].startswith(f"train/cat/cut.{suffix}: ")


@pytest.mark.parametrize(("suffix", "is_reported"), [("tif", True), ("gif", True), ("png", True), ("mpo", False)])
def test_pages_that_a_training_does_not_use_are_reported(pets: Path, suffix: str, is_reported: bool) -> None:
    first, second = (Image.new("L", (8, 8), grey) for grey in (0, 200))
    first.save(pets / "train" / "cat" / f"several.{suffix}", save_all=True, append_images=[second])
    reported = found(check(pets)).get("unused_frames", {"files": []})
    assert reported["files"] == [f"train/cat/several.{suffix}"] * is_reported


def test_an_image_with_too_many_pixels_is_to_be_scaled_down(pets: Path) -> None:
    Image.new("1", (18_000, 10_000)).save(pets / "train" / "cat" / "huge.png")
    [reason] = found(check(pets), "errors")["unreadable"]["files"]
    assert reason == "train/cat/huge.png: it has more than 178,956,970 pixels; scale it down"


def test_files_that_are_not_images_are_reported_with_the_reason(pets: Path) -> None:
    cat = pets / "test" / "cat"
    (cat / "empty.png").write_bytes(b"")
    (cat / "text.jpg").write_text("no image")
    (cat / "phone.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    (cat / "lost.png").symlink_to("nowhere.png")
    os.mkfifo(cat / "pipe.png")
    assert found(check(pets), "errors")["unreadable"]["files"] == [
        "test/cat/empty.png: the file is empty",
        "test/cat/lost.png: No such file or directory",
        "test/cat/phone.jpg: a HEIF image; install pillow-heif (pip install pillow-heif) or convert it",
        "test/cat/pipe.png: not a regular file",
        "test/cat/text.jpg: not an image in a format that Pillow reads",
    ]


def test_every_unreadable_image_is_counted_and_some_are_listed(pets: Path) -> None:
    for number in range(30):
        (pets / "train" / "cat" / f"bad{number}.png").write_bytes(b"x")
    error = found(check(pets), "errors")["unreadable"]
    assert (error["count"], len(error["files"])) == (30, 20)
    assert "and 10 more" in as_text(check(pets))


def test_copies_between_and_within_splits_and_across_classes_are_reported(pets: Path) -> None:
    content = (pets / "train" / "cat" / "0.png").read_bytes()
    (pets / "test" / "cat" / "leaked.png").write_bytes(content)
    (pets / "train" / "cat" / "copy.png").write_bytes(content)
    (pets / "val" / "dog" / "wrong.png").write_bytes(content)
    report = check(pets)
    leaks = [(w["split"], w["files"]) for w in report["warnings"] if w["kind"] == "leakage"]
    assert leaks == [
        ("val", ["val/dog/wrong.png = train/cat/0.png"]),
        ("test", ["test/cat/leaked.png = train/cat/0.png"]),
        ("test", ["test/cat/leaked.png = val/dog/wrong.png"]),
    ]
    assert found(report)["duplicates"]["files"] == ["train/cat/copy.png = train/cat/0.png"]
    assert found(report)["contradiction"]["count"] == 1
    assert report["errors"] == []


def test_imbalance_and_few_images_are_reported(pets: Path) -> None:
    for number in range(1, 12):
        (pets / "train" / "dog" / f"{number}.png").unlink()
    warnings = found(check(pets))
    assert "cat has 12 train images, dog 1" in warnings["imbalance"]["message"]
    assert "dog (1)" in warnings["few_images"]["message"]


def test_odd_sizes_and_channels_are_reported(pets: Path) -> None:
    noise(pets / "train" / "cat" / "large.png", (100, 90))
    Image.new("L", (40, 8)).save(pets / "train" / "cat" / "long.png")
    Image.new("RGBA", (8, 8), (1, 2, 3, 4)).save(pets / "train" / "dog" / "clear.png")
    Image.new("I;16", (8, 8), 700).save(pets / "train" / "dog" / "deep.png")
    warnings = found(check(pets))
    assert warnings["odd_sizes"]["files"] == ["train/cat/large.png: 100 x 90", "train/cat/long.png: 40 x 8"]
    assert warnings["odd_channels"]["files"] == [
        "train/cat/large.png: colour",
        "train/dog/clear.png: colour with transparency",
        "train/dog/deep.png: 16-bit grey",
    ]


def test_names_that_are_not_ascii_or_not_unicode_are_reported(pets: Path) -> None:
    for split in SPLITS:
        (pets / split / "cat").rename(pets / split / "Kätzchen 猫")
    (pets / "train" / "Kätzchen 猫" / "größe ✓.png").write_bytes(b"x")
    with open(os.fsencode(pets / "train" / "dog") + b"/\xff.png", "wb") as file:
        file.write(b"x")
    report = check(pets)
    assert report["splits"]["val"]["classes"] == {"Kätzchen 猫": 3, "dog": 3}
    names = [name.partition(":")[0] for name in found(report, "errors")["unreadable"]["files"]]
    assert names == ["train/Kätzchen 猫/größe ✓.png", "train/dog/\ufffd.png"]


def test_linked_folders_and_images_are_checked(pets: Path, tmp_path: Path) -> None:
    (pets / "val" / "cat").rename(tmp_path / "elsewhere")
    (pets / "val" / "cat").symlink_to(tmp_path / "elsewhere")
    (pets / "test" / "cat" / "link.png").symlink_to(pets / "train" / "cat" / "0.png")
    report = check(pets)
    assert report["splits"]["val"]["num_images"] == 6
    assert found(report)["leakage"]["files"] == ["test/cat/link.png = train/cat/0.png"]


def test_without_time_to_decode_the_report_counts_the_images_not_decoded(pets: Path) -> None:
    cut(noise(pets / "train" / "cat" / "cut.bmp"))
    cut(noise(pets / "train" / "cat" / "cut.png"))
    report = check(pets, decode_s=0)
    assert report["num_decoded"] == 0
    assert "1 of 38 images were decoded" in found(report)["not_decoded"]["message"]
    assert [name.partition(":")[0] for name in found(report, "errors")["unreadable"]["files"]] == ["train/cat/cut.png"]


def test_partial_results_are_reported_during_the_check(tmp_path: Path) -> None:
    base = write_images(tmp_path / "many", {"a": 60, "b": 180}, counts=(100, 4, 4))
    inventory = take_inventory(folders(base))
    reported: list[dict[str, Any]] = []
    check_images(inventory, 60, lambda inspections: reported.append(compose(inventory, inspections)), report_every_s=0)
    assert [report["done"] for report in reported] == sorted(report["done"] for report in reported)
    assert {report["status"] for report in reported} == {"checking"}
    assert "of 216 images were checked" in found(reported[-1])["incomplete"]["message"]


# ---- cached reports ----


@pytest.mark.filterwarnings("ignore:::PIL")
@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "tif", "bmp"])
def test_no_damage_makes_an_inspection_fail(tmp_path: Path, suffix: str) -> None:
    content = noise(tmp_path / f"whole.{suffix}", (16, 16)).read_bytes()
    random = np.random.default_rng(0)
    path = tmp_path / f"damaged.{suffix}"
    for number in range(150):
        damaged = bytearray(content[: int(random.integers(1, len(content) + 1))])
        for place in random.integers(0, min(len(damaged), 200), 4):
            damaged[place] = int(random.integers(0, 256))
        path.write_bytes(bytes(damaged))
        inspect(path, list(Depth)[number % 3])


def test_the_value_range_that_a_training_uses_for_deep_images_is_reported(pets: Path) -> None:
    assert check(pets)["value_range"] is None
    random = np.random.default_rng(0)
    for number in range(4):
        values = random.integers(10, 900, (8, 8)).astype(np.uint16)
        Image.fromarray(values).save(pets / "train" / "cat" / f"deep{number}.png")
    values = random.uniform(0, 1, (8, 8)).astype(np.float32)
    values[0, 0] = np.nan
    Image.fromarray(values).save(pets / "train" / "dog" / "fractions.tif")
    report = check(pets)
    assert report["value_range"] | {"lowest": 0, "highest": 0} == {
        "low": 0, "high": 1023, "lowest": 0, "highest": 0, "num_measured": 5, "num_images": 5,
    }  # fmt: skip
    assert found(report)["flat_values"]["count"] == 1
    assert found(report)["gaps"]["files"] == ["train/dog/fractions.tif"]
    assert "a training shows 0 to 1023 as black to white" in as_text(report)
