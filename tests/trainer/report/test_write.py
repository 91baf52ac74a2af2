"""The report's files, written for a network of our own making on real images."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
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
class Finished:
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
        return report_on_test(self.request, self.outputs, Path("epoch_001.ckpt"), 0.25)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes with 10 wide colour images each in test."""
    folder = tmp_path_factory.mktemp("datasets") / "things"
    random = np.random.default_rng(0)
    for split, count in (("train", 1), ("val", 1), ("test", 10)):
        for name in NAMES:
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 255, (30, 60 if number else 600, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{number} [a] $.png")
    return folder


def train(images: Path, run: RunDir) -> Finished:
    """A network that takes every image for the second class: 20 mistakes, ever less sure of it."""
    run.path.mkdir()
    (run.path / "metrics.csv").write_text(METRICS)
    request = request_for(run, parse({"model": {"class_path": "a.B"}, "data": {"channels": 3}}), images)
    logits = torch.zeros(30, 3)
    logits[:, 1] = torch.linspace(4, 1, 30)
    outputs = Outputs.of(30, 3)
    outputs.add(torch.arange(30), torch.tensor(request.splits["test"].labels), logits)
    return Finished(request, outputs)


@pytest.fixture
def finished(images: Path, tmp_path: Path) -> Finished:
    return train(images, RunDir(tmp_path / "run"))


@pytest.fixture(scope="module")
def written(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Its report is written."""
    finished = train(images, RunDir(tmp_path_factory.mktemp("written") / "run"))
    assert finished.write() == (
        f"report: accuracy 33.3 % (95 % interval 19.2 % to 51.2 %, Wilson): {finished.run.report_text}"
    )
    return finished


def test_everything_that_the_report_names_is_there(written: Finished) -> None:
    report = written.report
    assert set(report["plots"]) == {"confusion_matrix", "reliability", "mistakes", "curves"}
    named = [*report["plots"].values(), *(each["image"] for each in report["mistakes"])]
    for path in named:
        assert (written.run.path / path).read_bytes().startswith(PNG)
    files = {path.relative_to(written.run.path).as_posix() for path in written.run.path.rglob("*") if path.is_file()}
    assert files == {*named, "report.json", "report.md", "metrics.csv"}
    markdown = written.run.report_text.read_text()
    assert all(f"]({path})" in markdown for path in report["plots"].values())


def test_the_mistakes_are_named_by_file_and_saved_small(written: Finished, images: Path) -> None:
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
            assert np.array_equal(np.asarray(saved), np.asarray(original)), "a small one is saved as it is"


def test_without_mistakes_and_metrics_there_are_no_pictures_of_them(finished: Finished) -> None:
    (finished.run.path / "metrics.csv").unlink()
    finished.outputs.predictions = finished.outputs.labels
    finished.write()
    assert set(finished.report["plots"]) == {"confusion_matrix", "reliability"}
    assert finished.report["mistakes"] == []
    assert not (finished.run.report_pictures / "mistakes").exists()


def test_an_image_that_is_gone_costs_its_picture_alone(
    finished: Finished, images: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(images, copy)
    finished.request = request_for(finished.run, finished.request.experiment, copy)
    shutil.rmtree(copy / "test" / sorted(NAMES)[0])
    assert "accuracy 33.3 %" in finished.write()
    report = finished.report
    assert [each["image"] is None for each in report["mistakes"]] == [True] * 10 + [False] * 10
    assert "mistakes" in report["plots"]
    assert "image cannot be read" in capfd.readouterr().err


def test_a_report_that_cannot_be_made_says_why_and_raises_nothing(
    finished: Finished, capfd: pytest.CaptureFixture[str]
) -> None:
    finished.outputs.confidences[4] = float("nan")
    assert finished.write() == (
        "report: could not be made: the network's outputs are not finite for 1 of 30 test images"
    )
    assert "OutputsNotFinite" in capfd.readouterr().err
    assert not finished.run.report.exists()


def test_without_room_for_pictures_the_numbers_are_kept(finished: Finished) -> None:
    finished.run.report_pictures.write_text("a file where the folder should be")
    finished.write()
    assert finished.report["plots"] == {}
    assert finished.report["num_images"] == 30
    assert {each["image"] for each in finished.report["mistakes"]} == {None}
    assert "![" not in finished.run.report_text.read_text()


# pictures


def test_curves_hold_the_value_of_each_epoch_and_the_rate_of_each_step(tmp_path: Path) -> None:
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


def test_a_letter_that_no_font_has_is_told_by_its_number() -> None:
    assert short("a\ufffe\uf8ffb") in ("a\\ufffe\\uf8ffb", "a\ufffd\\uf8ffb")
    assert short("abcdefghij", 6) == "abc…ij"


def test_pictures_of_a_large_matrix_and_of_one_epoch_are_drawn(tmp_path: Path) -> None:
    names = [f"class {index}" for index in range(40)]
    matrix = {"class_names": names, "counts": np.full((40, 40), 123).tolist()}
    with drawing(names):
        draw_confusion_matrix(matrix, 1000).savefig(tmp_path / "matrix.png")
        draw_curves({"train/loss": {1: 2.0}, "lr": {1: 0.1}, "val/f1": {1: 0.5}}).savefig(tmp_path / "curves.png")
    with Image.open(tmp_path / "matrix.png") as image:
        assert 1500 < max(image.size) < 3000


def test_grey_and_coloured_mistakes_stand_side_by_side(tmp_path: Path) -> None:
    paths = [tmp_path / "grey.png", tmp_path / "colour.png"]
    Image.new("L", (8, 8), 128).save(paths[0])
    Image.new("RGB", (20, 5), (200, 30, 30)).save(paths[1])
    mistake = {"file": "test/a/b.png", "true": "a", "predicted": "b", "probability": 0.9}
    with drawing("ab"):
        draw_mistakes([mistake, mistake], paths).savefig(tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(100_000) or []}
    assert {(128, 128, 128), (200, 30, 30)} <= colours
