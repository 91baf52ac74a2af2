"""The files of a report, written for made-up outputs on real images."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from tests.app.written import METRICS
from tests.trainer.trainings import request_for
from trainer.experiment.experiment import parse
from trainer.report.curves import read_curves
from trainer.report.outputs import Outputs
from trainer.report.plots import draw_confusion_matrix, draw_curves, draw_mistakes
from trainer.report.style import drawing, short
from trainer.report.write import report_on_test
from trainer.request import Request
from trainer.rundir import RunDir

NAMES = ["大小 $x_1$", "größe|*b*", "plain"]
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass
class Evaluated:
    request: Request
    outputs: Outputs

    @property
    def run(self) -> RunDir:
        return self.request.run

    @property
    def report(self) -> dict[str, Any]:
        content = json.loads(self.run.report.read_text(), parse_constant=lambda name: pytest.fail(name))
        assert isinstance(content, dict)
        return content

    def write(self) -> str:
        return report_on_test(self.request, self.outputs, Path("epoch_001.ckpt"), 0.25, lambda _: {})


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes with 10 wide colour test images each."""
    folder = tmp_path_factory.mktemp("datasets") / "things"
    random = np.random.default_rng(0)
    for split, count in (("train", 1), ("val", 1), ("test", 10)):
        for name in NAMES:
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 255, (30, 60 if number else 600, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{number} [a] $.png")
    return folder


def evaluate(images: Path, run: RunDir) -> Evaluated:
    """Make outputs that predict the second class for each image: 20 mistakes, with falling confidence."""
    run.metrics.parent.mkdir(parents=True)
    run.metrics.write_text(METRICS)
    request = request_for(run, parse({"model": {"class_path": "a.B"}, "data": {"channels": 3}}), images)
    logits = torch.zeros(30, 3)
    logits[:, 1] = torch.linspace(4, 1, 30)
    outputs = Outputs.of(30, 3)
    outputs.add(torch.arange(30), torch.tensor(request.splits["test"].labels), logits)
    return Evaluated(request, outputs)


@pytest.fixture
def evaluated(images: Path, tmp_path: Path) -> Evaluated:
    return evaluate(images, RunDir(tmp_path / "run"))


@pytest.fixture(scope="module")
def written(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    """An evaluation with its report written."""
    evaluated = evaluate(images, RunDir(tmp_path_factory.mktemp("written") / "run"))
    line = evaluated.write()
    assert re.findall(r"[\d.]+%", line) == ["33.3%", "95%", "19.2%", "51.2%"]
    assert str(evaluated.run.report_text) in line
    return evaluated


def test_each_file_that_the_report_names_exists(written: Evaluated) -> None:
    report = written.report
    assert set(report["plots"]) == {"confusion_matrix", "reliability", "mistakes", "curves"}
    shown = [*report["mistakes"], *(each for pair in report["confusions"] for each in pair["examples"])]
    saved = {each[kind] for each in shown for kind in ("image", "heatmap")} - {None}
    named = [*report["plots"].values(), *saved]
    for path in named:
        assert (written.run.path / path).read_bytes().startswith(PNG)
    files = {path.relative_to(written.run.path).as_posix() for path in written.run.path.rglob("*") if path.is_file()}
    assert files == {*named, "report.json", "report.md", "csv/version_0/metrics.csv"}
    markdown = written.run.report_text.read_text()
    assert all(f"]({path})" in markdown for path in report["plots"].values())


def test_mistakes_have_their_file_names_and_thumbnails(written: Evaluated, images: Path) -> None:
    mistakes = written.report["mistakes"]
    assert len(mistakes) == 20
    probabilities = [each["probability"] for each in mistakes]
    assert probabilities == sorted(probabilities, reverse=True)
    first = mistakes[0]
    names = sorted(NAMES)
    assert (first["file"], first["true"], first["predicted"]) == (f"test/{names[0]}/0 [a] $.png", names[0], names[1])
    for each in mistakes:
        assert (images / each["file"]).is_file()
        assert each["file"].startswith(f"test/{each['true']}/")
    with Image.open(written.run.path / first["image"]) as wide, Image.open(images / mistakes[1]["file"]) as original:
        assert (wide.mode, wide.size) == ("RGB", (224, 11))
        with Image.open(written.run.path / mistakes[1]["image"]) as saved:
            assert np.array_equal(np.asarray(saved), np.asarray(original)), "a small image is saved unchanged"


def test_the_most_confused_pairs_have_two_images_each(written: Evaluated) -> None:
    names = sorted(NAMES)
    pairs = written.report["confusions"]
    assert [(pair["true"], pair["predicted"]) for pair in pairs] == [(names[0], names[1]), (names[2], names[1])]
    for pair in pairs:
        found = [each for each in written.report["mistakes"] if each["true"] == pair["true"]]
        assert pair["examples"] == found[:2]  # the most confident ones, saved only once


def test_heatmaps_are_laid_over_the_mistakes(evaluated: Evaluated) -> None:
    asked: list[int] = []

    def find_heatmaps(indices: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        asked.extend(indices)
        return {index: np.eye(4, dtype=np.float32) for index in indices}

    report_on_test(evaluated.request, evaluated.outputs, Path("epoch_001.ckpt"), 0.25, find_heatmaps)
    mistakes = evaluated.report["mistakes"]
    assert asked == [*range(10), *range(20, 30)]
    assert evaluated.report["confusions"][0]["examples"] == mistakes[:2]
    for each in mistakes:
        with (
            Image.open(evaluated.run.path / each["image"]) as plain,
            Image.open(evaluated.run.path / each["heatmap"]) as shown,
        ):
            assert shown.size == plain.size
            assert not np.array_equal(np.asarray(shown), np.asarray(plain))
    assert f"]({mistakes[0]['heatmap']})" in evaluated.run.report_text.read_text()


def test_without_mistakes_and_metrics_their_plots_are_omitted(evaluated: Evaluated) -> None:
    evaluated.run.metrics.unlink()
    evaluated.outputs.predictions = evaluated.outputs.labels
    evaluated.write()
    assert set(evaluated.report["plots"]) == {"confusion_matrix", "reliability"}
    assert evaluated.report["mistakes"] == []
    assert not (evaluated.run.report_pictures / "mistakes").exists()


def test_a_missing_image_only_omits_its_thumbnail(
    evaluated: Evaluated, images: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(images, copy)
    evaluated.request = request_for(evaluated.run, evaluated.request.experiment, copy)
    shutil.rmtree(copy / "test" / sorted(NAMES)[0])
    assert "33.3%" in evaluated.write()
    report = evaluated.report
    assert [each["image"] is None for each in report["mistakes"]] == [True] * 10 + [False] * 10
    assert "mistakes" in report["plots"]
    assert "Traceback" in capfd.readouterr().err


def test_a_failed_report_logs_the_reason_and_raises_nothing(
    evaluated: Evaluated, capfd: pytest.CaptureFixture[str]
) -> None:
    evaluated.outputs.confidences[4] = float("nan")
    assert "1 of 30" in evaluated.write()
    assert "OutputsNotFinite" in capfd.readouterr().err
    assert not evaluated.run.report.exists()


def test_without_its_image_folder_the_report_keeps_the_numbers(evaluated: Evaluated) -> None:
    evaluated.run.report_pictures.write_text("a file where the folder should be")
    evaluated.write()
    assert evaluated.report["plots"] == {}
    assert evaluated.report["num_images"] == 30
    assert {each["image"] for each in evaluated.report["mistakes"]} == {None}
    assert "![" not in evaluated.run.report_text.read_text()


# plots


def test_curves_have_a_value_per_epoch_and_the_learning_rate_per_step(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(
        "epoch,lr,step,test/acc,train/loss,train/loss_step,val/loss\n"
        "0,0.1,1,,,3.0,\n0,0.2,3,,,2.0,\n0,,3,,,,1.5\n0,0.2,3,,2.5,,\n1,0.1,7,,nan,,\n1,,7,,,,1.25\n1,,8,0.5,,,\n"
    )
    assert read_curves(path) == {
        "train/loss": {0: 2.5}, "val/loss": {0: 1.5, 1: 1.25}, "lr": {1: 0.1, 3: 0.2, 7: 0.1}
    }  # fmt: skip


def test_names_in_any_alphabet_are_drawn_without_a_warning(tmp_path: Path) -> None:
    names = ["大小", "$\\frac{", "ทดสอบ", "x" * 300, "a\nb", "🙂", "\ue000"]
    matrix = {"class_names": names, "counts": np.eye(len(names), dtype=int).tolist()}
    with drawing(names):
        draw_confusion_matrix(matrix, len(names)).savefig(tmp_path / "matrix.png")
    with Image.open(tmp_path / "matrix.png") as image:
        assert max(image.size) < 1500


def test_a_letter_without_a_font_is_replaced_by_its_number() -> None:
    assert short("a\ufffe\uf8ffb") in ("a\\ufffe\\uf8ffb", "a\ufffd\\uf8ffb")
    assert short("abcdefghij", 6) == "abc…ij"


def test_a_large_matrix_and_a_single_epoch_are_drawn(tmp_path: Path) -> None:
    names = [f"class {index}" for index in range(40)]
    matrix = {"class_names": names, "counts": np.full((40, 40), 123).tolist()}
    with drawing(names):
        draw_confusion_matrix(matrix, 1000).savefig(tmp_path / "matrix.png")
        draw_curves({"train/loss": {1: 2.0}, "lr": {1: 0.1}, "val/f1": {1: 0.5}}).savefig(tmp_path / "curves.png")
    with Image.open(tmp_path / "matrix.png") as image:
        assert 1500 < max(image.size) < 3000


def test_grey_and_colour_mistakes_are_drawn_together(tmp_path: Path) -> None:
    paths = [tmp_path / "grey.png", tmp_path / "colour.png"]
    Image.new("L", (8, 8), 128).save(paths[0])
    Image.new("RGB", (20, 5), (200, 30, 30)).save(paths[1])
    mistake = {"file": "test/a/b.png", "true": "a", "predicted": "b", "probability": 0.9}
    with drawing("ab"):
        draw_mistakes([mistake, mistake], paths).savefig(tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(100_000) or []}
    assert {(128, 128, 128), (200, 30, 30)} <= colours
