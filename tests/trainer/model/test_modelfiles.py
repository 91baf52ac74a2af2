"""The files of a model: the ONNX file, its variants and the card."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from tests.trainer.modelfiles import MODELS, Untrained
from trainer.experiment.experiment import ExperimentInvalid
from trainer.explanation.explained import Explained
from trainer.model.session import OnnxModel
from trainer.model.variants import Variants
from trainer.rundir import read_json
from trainer.stopping import Stop, Stopped

pytestmark = pytest.mark.slow

INPUT_TYPES = {"resnet": "float32", "vit": "uint8", "convnext": "uint8"}


@pytest.fixture(scope="module", params=MODELS)
def written(
    request: pytest.FixtureRequest, squares: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Untrained, dict[str, Any]]:
    """A model of each family with heatmap and both variants, and its card. The ResNet has no preprocessing."""
    has_preprocessing = INPUT_TYPES[request.param] == "uint8"
    export = {"variants": ["fp16", "int8"], "include_preprocessing": has_preprocessing, "explanation": True}
    made = Untrained(tmp_path_factory.mktemp(request.param), squares, request.param, export)
    return made, made.write(acc=0.5)


def paths_of(card: dict[str, Any]) -> list[str]:
    return [card["model_path"], *(entry["model_path"] for entry in card["variants"])]


def test_each_file_is_complete_and_has_the_metadata_that_a_consumer_needs(
    written: tuple[Untrained, dict[str, Any]],
) -> None:
    made, card = written
    assert sorted(path.name for path in made.run.checkpoints.iterdir()) == [
        "epoch_000.fp16.onnx",
        "epoch_000.int8.onnx",
        "epoch_000.onnx",
    ]
    for entry in (card, *card["variants"]):
        content = Path(entry["model_path"]).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
        assert entry["size_bytes"] == len(content)
        model = onnx.load_from_string(content)
        facts = {each.key: each.value for each in model.metadata_props}
        assert json.loads(facts["class_names"]) == card["class_names"]
        assert json.loads(facts["mean"]) == card["mean"]
        assert facts["input_type"] == INPUT_TYPES[made.model]
        assert facts.get("variant") == entry.get("name")
        assert ("max_difference" in facts) == (entry is card)  # the card has that of a variant
        assert b"File " not in content  # The exporter's stack traces would contain paths of this machine.
    assert read_json(made.run.card) == card


def test_each_file_takes_any_batch_size_of_the_same_input(written: tuple[Untrained, dict[str, Any]]) -> None:
    made, card = written
    raw = INPUT_TYPES[made.model] == "uint8"
    for path in paths_of(card):
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (taken,) = session.get_inputs()
        assert (taken.name, taken.shape[1:]) == ("input", [1, 8, 8])
        assert taken.type == ("tensor(uint8)" if raw else "tensor(float)")
        outputs = [(each.name, each.type) for each in session.get_outputs()]
        names = ("logits", "heatmap", "probabilities")[: 2 + raw]
        assert outputs == [(name, "tensor(float)") for name in names]
        for size in (1, 5):
            images = np.full((size, 1, 8, 8), 100, np.uint8 if raw else np.float32)
            assert all(len(output) == size for output in session.run(None, {"input": images}))


def test_the_file_gives_the_networks_outputs_and_its_variants_give_similar_ones(
    written: tuple[Untrained, dict[str, Any]],
) -> None:
    made, card = written
    batch = made.data_module.dataset("test").__getitems__(range(8))
    with torch.no_grad():
        expected = made.module.eval().network(made.module.normalise(batch.images))
    pixels = batch.images.numpy()
    found = {Path(path).suffixes[0]: OnnxModel(Path(path)).run(pixels) for path in paths_of(card)}
    for name, share in ((".onnx", 1e-4), (".fp16", 0.02), (".int8", 0.15)):
        spread = float(expected.abs().max())
        np.testing.assert_allclose(found[name].logits, expected, rtol=0, atol=share * spread, err_msg=name)
        probabilities = torch.from_numpy(found[name].logits).softmax(1)
        np.testing.assert_allclose(found[name].probabilities, probabilities, atol=1e-3 if name == ".fp16" else 1e-5)
    for entry in card["variants"]:
        logits = found[f".{entry['name']}"].logits
        assert entry["max_difference"] == pytest.approx(np.abs(logits - found[".onnx"].logits).max(), abs=1e-5)
        assert entry["max_difference"] > 0
        assert entry["test_acc"] == np.mean(logits.argmax(1) == batch.labels.numpy())
        assert entry["original_test_acc"] == np.mean(expected.argmax(1).numpy() == batch.labels.numpy())
        assert entry["agreement"] == np.mean(logits.argmax(1) == expected.argmax(1).numpy())


def test_each_file_gives_the_networks_heatmaps_or_similar_ones(written: tuple[Untrained, dict[str, Any]]) -> None:
    made, card = written
    batch = made.data_module.dataset("test").__getitems__(range(8))
    explained = Explained(copy.deepcopy(made.module.network), made.module.normalise(batch.images))
    with torch.no_grad():
        logits, expected = explained(made.module.normalise(batch.images))
    assert expected.shape[1:] == tuple(card["explanation"]["grid"])
    assert card["explanation"].items() >= explained.describe().items()
    assert card["explanation"]["max_difference"] <= card["explanation"]["allowed_difference"]
    for path in paths_of(card):
        model = OnnxModel(Path(path))
        found = model.run(batch.images.numpy())
        assert found.heatmaps is not None
        assert model.explanation is not None
        assert model.explanation.items() >= explained.describe().items()
        assert ("max_difference" in model.explanation) == (path == card["model_path"])
        if path == card["model_path"]:
            np.testing.assert_array_equal(found.logits.argmax(1), logits.argmax(1))
            np.testing.assert_allclose(found.heatmaps, expected, rtol=0, atol=1e-3)
        assert 0 <= found.heatmaps.min() <= found.heatmaps.max() <= 1
    original = OnnxModel(Path(card["model_path"])).run(batch.images.numpy()).heatmaps
    for entry in card["variants"]:
        heatmaps = OnnxModel(Path(entry["model_path"])).run(batch.images.numpy()).heatmaps
        assert entry["heatmap_difference"] == pytest.approx(np.abs(heatmaps - original).mean(), abs=1e-4)


@pytest.mark.parametrize("written", ["resnet"], indirect=True)
def test_a_heatmap_does_not_change_the_logits(
    written: tuple[Untrained, dict[str, Any]], squares: Path, tmp_path: Path
) -> None:
    made, card = written
    plain = Untrained(tmp_path, squares, "resnet", {}).write(acc=0.5)
    assert plain["explanation"] is None
    pixels = made.data_module.dataset("test").__getitems__(range(8)).images.numpy()
    without, with_heatmap = (OnnxModel(Path(each["model_path"])).run(pixels) for each in (plain, card))
    assert without.heatmaps is None
    np.testing.assert_allclose(with_heatmap.logits, without.logits, rtol=0, atol=1e-6)


def test_a_network_without_a_heatmap_is_refused_by_the_trial_but_a_trained_model_is_kept(
    squares: Path, tmp_path: Path
) -> None:
    made = Untrained(tmp_path, squares, "resnet", {"explanation": True})
    made.module.network.model.classifier.append(torch.nn.Tanh())  # not linear
    with pytest.raises(ExperimentInvalid, match=r"export\.explanation: .* Use a network that ends in a mean"):
        made.files().try_export(made.module)
    card = made.write(acc=0.5)
    assert card["explanation"] is None
    assert "no heatmap" in made.lines[0]
    assert OnnxModel(Path(card["model_path"])).explanation is None


def test_the_variants_are_smaller_and_reported(written: tuple[Untrained, dict[str, Any]]) -> None:
    made, card = written
    half, eight = card["variants"]
    assert (half["name"], eight["name"], eight["num_calibration_images"]) == ("fp16", "int8", 40)
    assert half["size_bytes"] < card["size_bytes"]
    weights = {each.data_type for each in onnx.load(eight["model_path"]).graph.initializer}
    assert onnx.TensorProto.INT8 in weights
    assert [line.partition(":")[0] for line in made.lines] == ["export", "variant fp16", "variant int8"]
    progress = read_json(made.run.progress)
    assert progress is not None
    # 40 calibration images in 2 batches, and 8 test images in 3.
    assert (progress["phase"], progress["batch"], progress["num_batches"]) == ("export", 5, 5)


@pytest.mark.parametrize("written", ["resnet"], indirect=True)
def test_an_unusable_variant_is_deleted_and_reported(written: tuple[Untrained, dict[str, Any]], tmp_path: Path) -> None:
    made, card = written
    model = onnx.load(card["model_path"])
    (last,) = (node for node in model.graph.node if node.op_type == "Gemm")
    (bias,) = (each for each in model.graph.initializer if each.name == last.input[2])
    bias.CopyFrom(onnx.numpy_helper.from_array(np.full(2, np.nan, np.float32), bias.name))
    path = tmp_path / "broken.onnx"
    onnx.save(model, path)
    lines: list[str] = []
    entries = Variants(path, made.data_module, made.progress, Stop(made.run.stop), lines.append).write(["fp16"])
    (entry,) = entries
    assert entry.keys() == {"name", "error"}
    assert "not finite" in entry["error"]
    (line,) = lines
    assert entry["error"] in line
    assert [each.name for each in tmp_path.iterdir()] == ["broken.onnx"]


class Requested(Stop):
    """A stop that was requested."""

    @property
    def requested(self) -> bool:
        return True


def test_a_stop_keeps_the_model_and_leaves_no_variant(squares: Path, tmp_path: Path) -> None:
    made = Untrained(tmp_path, squares, "resnet", {"variants": ["int8"]})
    with pytest.raises(Stopped):
        made.write(Requested(made.run.stop), acc=0.5)
    assert [path.name for path in made.run.checkpoints.iterdir()] == ["epoch_000.onnx"]
    assert (read_json(made.run.card) or {})["variants"] == []
    assert "variant" not in "".join(made.lines)
