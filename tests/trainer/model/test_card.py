"""The model card of a completed training."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from tests.trainer.trainings import Trained
from trainer.dataset.imagefile import read_image
from trainer.rundir import read_json


def test_the_card_and_the_file_have_what_a_consumer_needs(completed: Trained, squares: Path) -> None:
    card = read_json(completed.run.card)
    assert card is not None
    assert card["run_id"] == "completed"
    assert (card["model_name"], card["config_name"], card["dataset_name"]) == ("squares", "tiny.yaml", "squares")
    assert card["class_names"] == ["dark", "bright"] or card["class_names"] == ["bright", "dark"]
    assert set(card["train_metrics"]) == {"train/loss", "train/acc"}
    assert set(card["test_metrics"]) == {"test/loss", "test/acc"}
    assert card["input_shape"] == [None, 1, 8, 8]
    assert 0 <= card["max_difference"] <= card["allowed_difference"]
    content = Path(card["model_path"]).read_bytes()
    assert card["sha256"] == hashlib.sha256(content).hexdigest()
    model = onnx.load_from_string(content)
    assert model.opset_import[0].version == card["opset"] == 18
    facts = {each.key: each.value for each in model.metadata_props}
    assert json.loads(facts["class_names"]) == card["class_names"]
    assert json.loads(facts["mean"]) == card["mean"]
    assert json.loads(facts["std"]) == card["std"]
    assert json.loads(facts["input_shape"]) == card["input_shape"]
    assert (facts["run_id"], facts["model_name"]) == ("completed", "squares")
    for name in ("max_difference", "allowed_difference"):
        assert json.loads(facts[name]) == card[name]
    assert facts["tolerance"] == card["tolerance"]
    assert (squares / "test" / card["class_names"][0]).is_dir()


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_the_card_alone_suffices_to_reproduce_the_test_accuracy(
    completed: Trained, squares: Path, batch_size: int
) -> None:
    card = read_json(completed.run.card)
    assert card is not None
    session = onnxruntime.InferenceSession(card["model_path"], providers=["CPUExecutionProvider"])
    paths = sorted((squares / "test").glob("*/*.png"))
    pixels = np.stack([read_image(path, 1, 8).transpose(2, 0, 1) for path in paths]).astype(np.float32) / 255
    images = (pixels - np.float32(card["mean"][0])) / np.float32(card["std"][0])
    logits = [session.run(["logits"], {"input": images[at : at + batch_size]})[0] for at in range(0, 8, batch_size)]
    found = [card["class_names"][index] for index in np.concatenate(logits).argmax(1)]
    accuracy = np.mean([path.parent.name == name for path, name in zip(paths, found)])
    assert accuracy == pytest.approx(card["test_metrics"]["test/acc"])
