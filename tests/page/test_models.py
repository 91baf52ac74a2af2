"""The models view and the models of a run's page, in a real browser."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import onnx
from onnx import TensorProto, helper
from PIL import Image

from tests.app.onnxfile import content_of, external
from tests.app.written import METRICS, write_command_run, write_files, write_json, write_metrics, write_model, write_run
from tests.page.conftest import REFUSED_REQUEST, Console
from tests.servers import LiveServer

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips the test, or fails it in CI.

OpenPage = Callable[..., Any]


def test_the_program_shown_for_a_model_works_unchanged(
    eventlet_server: LiveServer, open_page: OpenPage, tmp_path: Path
) -> None:
    """The model compares the halves of an image. The brighter half is the class."""
    node = helper.make_node("Conv", ["input", "weights"], ["maps"], kernel_shape=[4, 2], strides=[4, 2])
    flat = helper.make_node("Flatten", ["maps"], ["logits"])
    shape = ["batch", 1, 4, 4]
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [1, 1, 4, 2], [1.0] * 8)
    graph = helper.make_graph(
        [node, flat], "halves", [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])], [weights],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    content = model.SerializeToString()
    onnx.checker.check_model(model)
    run = write_run(eventlet_server.runs_dir, "2026-01-01_00-00-00")
    facts: dict[str, Any] = {
        "mean": [0.5],
        "std": [0.25],
        "input_shape": [None, 1, 4, 4],
        "class_names": ["left's", "right"],
    }
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "epoch_003.int8.onnx").write_bytes(content)
    small = {
        "name": "int8",
        "model_path": "epoch_003.int8.onnx",
        "size_bytes": 347,
        "sha256": "8" * 64,
        "test_acc": 0.5,
    }
    facts["variants"] = [small, {"name": "fp16", "error": "it overflows"}]
    write_model(run, content, model_name="halves", sha256=hashlib.sha256(content).hexdigest(), **facts)
    page = open_page(eventlet_server.url + "/models")
    card = page.locator(".model")
    expect(card).to_contain_text("75.00%")
    expect(card).to_contain_text("1 \u00d7 4 \u00d7 4")
    with page.expect_download() as started:
        page.click(".model a[download]")
    assert started.value.suggested_filename == "halves.onnx"
    Path(started.value.path()).rename(tmp_path / "halves.onnx")
    variant = card.locator(".variants tr", has_text="int8")
    expect(variant).to_contain_text("50.00%")
    expect(variant).to_contain_text("347\u202fbytes")
    expect(card.locator(".variants tr", has_text="fp16")).to_contain_text("it overflows")
    with page.expect_download() as started:
        variant.get_by_role("link").click()
    assert started.value.suggested_filename == "halves.int8.onnx"
    page.click("summary:has-text('Python')")
    page.get_by_role("radio", name="int8").check()
    expect(card.locator("pre")).to_contain_text('"halves.int8.onnx"')
    expect(card).to_contain_text("8" * 64)
    page.get_by_role("radio", name="as trained").check()
    expect(card).to_contain_text(hashlib.sha256(content).hexdigest())
    Image.fromarray(np.array([[250] * 20 + [5] * 20] * 40, np.uint8)).save(tmp_path / "image.png")
    result = subprocess.run(
        [sys.executable, "-c", card.locator("pre").inner_text()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split()[0] == "left's"


def write_models_of_a_command(server: LiveServer) -> Path:
    """Write a tested checkpoint, an untested one, an ONNX file in two parts, and one without its second part."""
    globs = ["weights/best.pt", "weights/*", "**/*.onnx"]
    request = {"config_name": "yolo.yaml", "model_name": "pets", "dataset": "pets"}
    run = write_command_run(server.runs_dir, "2026-01-02_00-00-00", globs, request=request, metrics=METRICS)
    output = run / "output"
    write_files(output, "weights/best.pt", "weights/last.pt", "export/m.bin", content=bytes(1500))
    write_files(output, "export/m.onnx", content=content_of(external("m.bin")))
    write_files(output, "export/x.onnx", content=content_of(external("lost.bin")))
    for age, name in enumerate(("export/x.onnx", "export/m.onnx")):
        os.utime(output / name, (10**9 + age,) * 2)
    write_json(output / "weights" / "best.json", {"test_metrics": {"top1": 0.5, "test/acc": 0.875}, "mean": "x"})
    return output


def test_the_models_of_a_command_are_shown_with_what_is_known_of_them(
    eventlet_server: LiveServer, open_page: OpenPage, console: Console
) -> None:
    output = write_models_of_a_command(eventlet_server)
    page = open_page(eventlet_server.url + "/models")
    expect(page.locator("#models-count")).to_have_text("4 models")
    card = page.locator(".model")
    expect(card.locator(".model-name")).to_have_text("petspets  ·  yolo  ·  2026-01-02_00-00-00")
    expect(card.locator(".facts")).to_contain_text("87.50%")
    expect(card.locator("details")).to_have_count(0)
    rows = card.locator("tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.nth(0)).to_contain_text("weights/best.pt87.50%1.50\u202fkB")
    expect(rows.nth(1)).to_contain_text("weights/last.pt\u20131.50\u202fkB")
    expect(rows.nth(3)).to_have_text("export/x.onnxNot available: its part 'lost.bin' is missing")
    page.click(".model-name a")
    expect(page.locator("#run-models tbody tr")).to_have_count(4)
    with page.expect_download() as started:
        page.click("#download")
    assert started.value.suggested_filename == "best.pt"
    with page.expect_download() as started:
        page.locator("#run-models tr", has_text="m.onnx").get_by_role("link").click()
    assert started.value.suggested_filename == "m.zip"
    with ZipFile(started.value.path()) as packed:
        assert packed.namelist() == ["m.onnx", "m.bin"]
    console.expected.append(REFUSED_REQUEST)
    (output / "export" / "m.bin").unlink()
    page.locator("#run-models tr", has_text="m.onnx").get_by_role("link").click()
    expect(page.locator("#notice")).to_contain_text("'m.bin' is missing")


def test_a_finished_run_of_another_program_shows_what_it_has(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    run = eventlet_server.runs_dir / "2024-03-02_10-00-00"
    write_files(run, "checkpoints/pets.onnx", content=content_of())
    write_json(run / "pets.json", {"model_name": "pets", "dataset_name": "animals", "class_names": ["cat", "dog"]})
    write_metrics(run, METRICS)
    write_files(run, "train.log", content=b"the last line\n")
    page = open_page(f"{eventlet_server.url}/models")
    expect(page.locator(".model-name")).to_have_text("petsanimals  ·  2024-03-02_10-00-00")
    page.click(".model-name a")
    expect(page.locator("#state")).to_have_text("unknown")
    expect(page.locator("#log-view")).to_contain_text("the last line")
    expect(page.locator("#epochs tbody tr")).to_have_count(2)
    for promise in ("#resume", "#again", "#change", "#stop", "#models-section"):
        expect(page.locator(promise)).to_be_hidden()
    with page.expect_download() as started:
        page.click("#download")
    assert started.value.suggested_filename == "pets.onnx"
