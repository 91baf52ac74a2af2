"""Try a model on images of the client."""

from __future__ import annotations

import base64
import io
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from PIL import Image

from tests.app.onnxmodel import SIZE, brightness_model
from tests.app.written import write_model, write_run
from tests.servers import LiveServer
from tests.waiting import wait_until


def image(value: int | tuple[int, ...], size: tuple[int, int] = (20, 10), kind: str = "PNG", **options: Any) -> bytes:
    content = io.BytesIO()
    mode = "L" if isinstance(value, int) else "RGB"
    Image.new(mode, size, value).save(content, kind, **options)
    return content.getvalue()


@pytest.fixture(scope="module")
def module_server(shared_server: LiveServer) -> LiveServer:
    """Run the tests on both servers, because each waits for the process that predicts in its own way."""
    return shared_server


@pytest.fixture
def model(shared: LiveServer) -> Path:
    path = write_model(write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", "completed"))
    path.write_bytes(brightness_model())
    return path


def predict(server: LiveServer, model: Path, *images: tuple[str, bytes], query: str = "") -> requests.Response:
    files = [("image", each) for each in images]
    address = f"{server.url}/training/models/{model.parents[1].name}/predict{query}"
    return requests.post(address, files=files or [("other", b"")], timeout=60)


def predictors(server: LiveServer) -> list[psutil.Process]:
    assert server.process is not None
    return list(filter(is_predictor, psutil.Process(server.process.pid).children(recursive=True)))


def is_predictor(process: psutil.Process) -> bool:
    try:
        return "trainer.predictor" in process.cmdline()
    except psutil.Error:  # It has exited.
        return False


def test_images_are_classified_in_their_order_with_heatmaps(shared: LiveServer, model: Path) -> None:
    images = [
        ("dunkel ä.png", image(0)),
        ("bright.jpg", image((255, 255, 255), kind="JPEG")),
        ("bright.jpg", image(255, kind="BMP")),
    ]
    answer = predict(shared, model, *images)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert [(each["file"], each["classes"][0]["name"]) for each in body["predictions"]] == [
        ("dunkel ä.png", "dark"),
        ("bright.jpg", "bright"),
        ("bright.jpg (3)", "bright"),
    ]
    for prediction in body["predictions"]:
        probabilities = [each["probability"] for each in prediction["classes"]]
        assert sum(probabilities) == pytest.approx(1, abs=1e-6)
        assert probabilities[0] == pytest.approx(1 / (1 + 2.718281828**-2), abs=1e-5)
        heatmap = Image.open(io.BytesIO(base64.b64decode(prediction["heatmap"].partition("base64,")[2])))
        assert heatmap.size == (SIZE, SIZE)
    assert body["preprocessing"] == {
        "channels": 1,
        "image_size": SIZE,
        "value_range": None,
        "mean": [0.5],
        "std": [0.5],
        "includes_preprocessing": False,
    }
    assert body["is_tested"] is True
    assert body["duration_ms"] > 0


def test_heatmaps_and_classes_are_limited_and_models_without_one_say_null(shared: LiveServer, model: Path) -> None:
    body = predict(shared, model, ("a", image(0)), query="?top=1&heatmap=0").json()
    assert [(len(each["classes"]), each["heatmap"]) for each in body["predictions"]] == [(1, None)]
    model.write_bytes(brightness_model(with_heatmap=False))  # The file has changed, so it is loaded again.
    assert predict(shared, model, ("a", image(0))).json()["predictions"][0]["heatmap"] is None
    assert len(predictors(shared)) == 1, "one process answers all requests"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        image(0)[:-30],
        b"\x89PNG\r\n\x1a\n",
        image(0, kind="TIFF").replace(b"\x14\0\0\0", b"\xff\xff\xff\x7f", 1),
        image(0, (20_000, 20_000)),
    ],
    ids=["empty", "svg", "truncated", "header", "damaged", "bomb"],
)
def test_an_image_that_cannot_be_read_is_named_with_the_reason(shared: LiveServer, model: Path, content: bytes) -> None:
    answer = predict(shared, model, ("good.png", image(0)), ("bad.png", content))
    assert answer.status_code == 422, answer.text
    body = answer.json()
    assert list(body["errors"]) == ["bad.png"]
    assert "bad.png" in body["message"]
    assert "/tmp" not in body["message"]
    assert "extension" not in body["message"]
    assert predict(shared, model, ("good.png", image(0))).status_code == 200


def test_a_request_without_images_or_with_too_much_is_refused(shared: LiveServer, model: Path) -> None:
    assert predict(shared, model).status_code == 422
    assert predict(shared, model, *[("a", image(0))] * 33).status_code == 422
    assert predict(shared, model, ("a", bytes(65 * 1024 * 1024))).status_code == 413
    answer = shared.post(f"/training/models/{model.parents[1].name}/predict", {"image": "a"})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["image"])
    assert predict(shared, model, ("a", image(0)), query="?top=0").status_code == 422
    assert predict(shared, model, ("a", image(0)), query="?variant=int8").status_code == 404
    assert predict(shared, Path("/none/checkpoints/x.onnx"), ("a", image(0))).status_code == 404


def test_a_model_of_another_program_or_a_corrupt_one_says_why(shared: LiveServer, model: Path) -> None:
    for content in (b"corrupt", b"", brightness_model(class_names="7")):
        model.write_bytes(content)
        answer = predict(shared, model, ("a", image(0)))
        assert answer.status_code == 422
        assert str(model) not in answer.text
        assert model.name in answer.json()["message"]


def test_the_next_request_starts_a_process_that_was_killed(shared: LiveServer, model: Path) -> None:
    assert predict(shared, model, ("a", image(0))).status_code == 200
    [process] = predictors(shared)
    process.kill()
    wait_until(lambda: not predictors(shared), 10)
    assert predict(shared, model, ("a", image(0))).status_code == 200
    assert [each.pid for each in predictors(shared)] != [process.pid]
