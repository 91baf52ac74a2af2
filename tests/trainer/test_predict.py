"""`python -m trainer.predict`, in its own process, with the model of a real training."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from PIL import Image

from tests.trainer.modelfiles import Untrained
from tests.trainer.trainings import ROOT, Trained
from trainer.model.conversion import convert
from trainer.model.session import OnnxModel
from trainer.rundir import read_json


@pytest.fixture(scope="module")
def model(completed: Trained) -> Path:
    return Path((read_json(completed.run.card) or {})["model_path"])


def predict(*arguments: object) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "trainer.predict", *map(str, arguments)]
    return subprocess.run(program, cwd=ROOT, capture_output=True, text=True)


def accuracy(lines: list[str]) -> float:
    """Return the accuracy of printed predictions. An image's folder is its class."""
    rows = [line.split("\t") for line in lines]
    return sum(Path(path).parent.name == name for path, name, _ in rows) / len(rows)


def test_predict_reproduces_the_test_accuracy_of_the_training(completed: Trained, model: Path, squares: Path) -> None:
    done = predict(model, squares / "test")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == sorted(str(path) for path in (squares / "test").glob("*/*.png"))
    assert accuracy(lines) == (read_json(completed.run.card) or {})["test_metrics"]["test/acc"]
    assert all(0.5 <= float(line.split("\t")[2]) <= 1 for line in lines)


@pytest.mark.parametrize("name", ["fp16", "int8"])
def test_predict_accepts_a_variant_like_the_model(model: Path, squares: Path, tmp_path: Path, name: str) -> None:
    original = OnnxModel(model)
    images = [original.read(path) for path in (squares / "train").glob("*/*.png")]
    convert(name, model, tmp_path / "small.onnx", iter([original.prepare(image[None]) for image in images]))
    shown = [predict(each, squares / "test").stdout.splitlines() for each in (model, tmp_path / "small.onnx")]
    assert len(shown[1]) == 8
    assert [line.split("\t")[:2] for line in shown[0]] == [line.split("\t")[:2] for line in shown[1]]


def test_unreadable_paths_are_reported_and_the_others_are_shown(model: Path, squares: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    (tmp_path / "empty").mkdir()
    image = Image.open(next((squares / "test" / "dark").iterdir()))
    image.convert("RGB").resize((300, 200)).save(tmp_path / "größe ✓.jpg")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "lost").symlink_to("/no/such/disk")
    names = ["broken.png", "größe ✓.jpg", "empty", "none.png", "linked"]
    done = predict(model, *(tmp_path / name for name in names), "--json", "--top=5")
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    shown = json.loads(line)
    assert shown["path"] == str(tmp_path / "größe ✓.jpg")
    assert {each["class"] for each in shown["classes"]} == {"dark", "bright"}
    assert sum(each["probability"] for each in shown["classes"]) == pytest.approx(1)
    broken, *others = done.stderr.splitlines()
    assert broken.startswith("error: image cannot be read")
    assert f"{tmp_path}/broken.png" in broken
    assert others == [
        f"error: no images in this folder: {tmp_path}/empty",
        f"error: no such file: {tmp_path}/none.png",
        f"error: {tmp_path}/linked/lost cannot be read: a link to /no/such/disk, which does not exist",
    ]


def test_the_most_likely_classes_are_in_one_line(model: Path, squares: Path) -> None:
    image = next((squares / "test" / "bright").iterdir())
    path, *ranking = predict(model, image, "--top", "2").stdout.rstrip("\n").split("\t")
    assert path == str(image)
    assert ranking[0::2] == ["bright", "dark"]
    assert float(ranking[1]) + float(ranking[3]) == pytest.approx(1, abs=2e-4)


def test_a_file_that_is_not_our_model_is_reported_in_one_line(model: Path, squares: Path, tmp_path: Path) -> None:
    image = next((squares / "test" / "dark").iterdir())
    bare = onnx.load(model)
    del bare.metadata_props[:]
    onnx.save(bare, tmp_path / "bare.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    for name, fact in {"none.onnx": "no such file", "text.onnx": "onnxruntime", "bare.onnx": "metadata"}.items():
        done = predict(tmp_path / name, image)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith("error: ")
        assert fact in line
        assert str(tmp_path / name) in line


def test_predict_needs_only_onnxruntime_numpy_and_pillow_and_sends_no_telemetry(
    model: Path, squares: Path, tmp_path: Path
) -> None:
    code = "import sys; from trainer.predict import main; assert main(sys.argv[1:]) == 0; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.append({str(ROOT)!r}); {code}", model, squares / "test"],
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": str(tmp_path)},  # Without CI: onnxruntime turns its telemetry off where CI is set.
    )
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    site = set(
        subprocess.check_output([sys.executable, "-I", "-c", "import sys; print(*sys.modules)"], text=True).split()
    )
    assert loaded - set(sys.stdlib_module_names) - site == {"numpy", "onnxruntime", "PIL", "trainer"}
    assert not list(tmp_path.rglob("*")), "onnxruntime created an ID for its telemetry"


@pytest.mark.slow
def test_heatmaps_are_laid_over_images_of_their_own_size(model: Path, squares: Path, tmp_path: Path) -> None:
    made = Untrained(tmp_path, squares, "convnext", {"explanation": True, "variants": ["fp16"]})
    card = made.write(acc=0.5)
    image = next((squares / "test" / "bright").iterdir())
    (tmp_path / "other").mkdir()
    Image.open(image).resize((300, 2000)).save(tmp_path / "other" / image.name)
    images = [image, tmp_path / "other" / image.name]
    for path in (card["model_path"], card["variants"][0]["model_path"]):
        done = predict(path, *images, "--json", f"--heatmap={tmp_path / 'out' / 'deep'}")
        assert (done.returncode, done.stderr) == (0, "")
        saved = [Path(json.loads(line)["heatmap"]) for line in done.stdout.splitlines()]
        assert [each.name for each in saved] == [f"{image.stem}.png", f"{image.stem}_2.png"]
        for each, size in zip(saved, [(8, 8), (154, 1024)], strict=True):
            with Image.open(each) as shown:
                assert (shown.mode, shown.size) == ("RGB", size)
                assert len(shown.getcolors(2**20) or []) > 4
    (tmp_path / "file").write_text("")
    for path, out, fact in ((model, "out", "export.explanation"), (card["model_path"], "file", "file")):
        done = predict(path, image, f"--heatmap={tmp_path / out}")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: ")
        assert fact in done.stderr
