"""Requests of the start form: the parameters, the check of a request, and a preview of a dataset's images."""

from __future__ import annotations

import base64
import io
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.app.answers import problem, tree
from tests.app.written import write_dataset
from tests.servers import LiveServer
from tests.trainer.trainings import TINY, write_images
from trainer.experiment.experiment import list_parameters


@pytest.fixture
def pets(shared: LiveServer) -> Path:
    (shared.configs_dir / "tiny.yaml").write_text(TINY, encoding="utf-8")
    folder = shared.data_dir / "pets"
    return folder if folder.exists() else write_images(folder, {"cat": 60, "dog": 180}, counts=(12, 3, 3))


def picture(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def test_a_preview_has_some_images_of_each_class_as_small_pngs(shared: LiveServer, pets: Path) -> None:
    Image.new("RGB", (400, 200), "red").save(pets / "val" / "dog" / "0large.jpg")
    (pets / "val" / "dog" / "0corrupt.png").write_bytes(b"not an image")
    body = shared.get("/training/datasets/pets/preview?split=val&per_class=4").json()
    assert (body["dataset_name"], body["split"], body["num_classes"]) == ("pets", "val", 2)
    cats, dogs = body["classes"]
    assert (cats["class_name"], cats["num_images"], len(cats["images"])) == ("cat", 3, 3)
    assert (dogs["num_images"], len(dogs["images"])) == (5, 3)  # One of the four selected images cannot be read.
    head, _, data = dogs["images"][-1].partition(",")
    assert head == "data:image/png;base64"
    sizes = {picture(url).size for url in dogs["images"]}
    assert sizes == {(8, 8), (96, 48)}
    assert len(data) < 20_000


def test_16_bit_images_are_shown_in_one_value_range(shared: LiveServer) -> None:
    dataset = write_images(shared.data_dir / "camera", {"cat": 60, "dog": 180}, counts=(3, 3, 3))
    for path in dataset.rglob("*.png"):
        with Image.open(path) as image:
            deep = np.asarray(image).astype(np.uint16) * 4
        Image.fromarray(deep).save(path)
    classes = shared.get("/training/datasets/camera/preview").json()["classes"]
    dark, bright = (np.mean([np.asarray(picture(url)) for url in each["images"]]) for each in classes)
    assert 40 < dark < 80
    assert 160 < bright < 200


def test_a_burst_of_previews_runs_two_at_a_time_and_the_rest_gets_a_503(shared: LiveServer, pets: Path) -> None:
    assert shared.process is not None
    server = psutil.Process(shared.process.pid)
    with ThreadPoolExecutor(40) as threads:
        requests = [threads.submit(shared.get, "/training/datasets/pets/preview") for _ in range(40)]
        most = 0
        while wait(requests, timeout=0.02).not_done:
            most = max(
                most, sum("trainer.dataset.preview" in command_line(each) for each in server.children(recursive=True))
            )
    assert most == 2
    answers = [each.result() for each in requests]
    refused = [each for each in answers if each.status_code != 200]
    assert 2 <= len(answers) - len(refused) < 40
    for answer in refused:
        assert "previews" in problem(answer, 503)["message"]
        assert answer.headers["Retry-After"] == "5"
    assert shared.get("/training/datasets/pets/preview").status_code == 200


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_files_that_are_not_images_are_left_out(shared: LiveServer) -> None:
    write_dataset(shared.data_dir, "empty-files")
    classes = shared.get("/training/datasets/empty-files/preview").json()["classes"]
    assert [(each["num_images"], each["images"]) for each in classes] == [(3, []), (3, [])]


@pytest.mark.parametrize("name", ["birds", "..", "%2e%2e", "pets%00", ".hidden", "..%2f..%2fetc"])
def test_a_preview_of_anything_but_a_dataset_is_a_404(shared: LiveServer, name: str) -> None:
    problem(shared.get(f"/training/datasets/{name}/preview"), 404)


@pytest.mark.parametrize("query", ["split=other", "split=..", "per_class=0", "per_class=25", "path=x"])
def test_a_bad_query_is_a_422(shared: LiveServer, pets: Path, query: str) -> None:
    body = problem(shared.get(f"/training/datasets/pets/preview?{query}"), 422)
    assert set(body["errors"]) == {query.partition("=")[0]}


def test_a_check_answers_as_a_start_would_and_starts_nothing(shared: LiveServer, pets: Path) -> None:
    before = tree(shared.runs_dir)
    request = {"config_name": "tiny", "dataset": "pets", "overrides": {"trainer.max_epochs": 7}}
    body = shared.post("/training/check", request).json()
    assert body["experiment"]["trainer"]["max_epochs"] == 7
    assert body["experiment"]["seed"] == 0
    assert (body["request"]["config_name"], body["request"]["model_name"]) == ("tiny.yaml", "model")
    assert body["request"]["train_data_dir"] == str(pets / "train")
    for wrong in (
        {"overrides": {"trainer.max_epochs": "many"}}, {"overrides": {"command": []}}, {"dataset": "birds"},
        {"model_name": ".x"}, {"config_name": "unknown"}, {"unknown": 1}, {"dataset": None, "train_data_dir": "/no"},
    ):  # fmt: skip
        checked, started = (shared.post(f"/training/{call}", request | wrong) for call in ("check", "start"))
        assert started.status_code in (404, 422)
        assert (checked.status_code, checked.json()) == (started.status_code, started.json())
    assert tree(shared.runs_dir) == before


def test_every_parameter_is_described(shared: LiveServer) -> None:
    parameters = {each["path"]: each for each in shared.get("/training/parameters").json()["parameters"]}
    assert list(parameters) == list_parameters()
    assert all(each["meaning"] for each in parameters.values())
    described = parameters["optimizer.name"]
    assert (described["kind"], described["choices"], described["default"]) == (
        "choice",
        ["adamw", "adam", "sgd"],
        "adamw",
    )
    described = parameters["data.image_size"]
    assert (described["kind"], described["optional"], described["must"]) == ("integer", True, "must be from 1 to 2,048")
    assert parameters["model.config"]["kind"] == "object"
    assert parameters["trainer.devices"]["default"] == [0]
