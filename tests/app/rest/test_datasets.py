"""GET /training/datasets, and starts on datasets that lack a split or cannot be used."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.app.answers import problem
from tests.app.written import write_dataset, write_images
from tests.servers import LiveServer
from tests.trainer.trainings import TINY
from tests.trainer.trainings import write_images as write_real_images

CONFIG = "tiny.yaml"


@pytest.fixture
def pets(shared: LiveServer) -> Path:
    """A new dataset for each test, and an experiment that can train on it."""
    (shared.configs_dir / CONFIG).write_text(TINY, encoding="utf-8")
    name = f"pets-{time.monotonic_ns()}"
    return write_real_images(shared.data_dir / name, {"cat": 60, "dog": 180}, counts=(12, 3, 3))


def listed(server: LiveServer, name: str) -> dict[str, Any]:
    datasets = {each["dataset_name"]: each for each in server.get("/training/datasets").json()["datasets"]}
    found: dict[str, Any] = datasets[name]
    return found


def checked(server: LiveServer, **request: Any) -> dict[str, Any]:
    answer = server.post("/training/check", {"config_name": CONFIG, **request})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()["request"]
    return body


def test_datasets_are_described(server: LiveServer) -> None:
    assert server.get("/training/datasets").json() == {"datasets": []}
    base = write_dataset(server.data_dir, "pets")
    write_images(base / "train", empty=0)
    (base / "train" / "cat" / "notes.txt").write_text("not an image")
    write_dataset(server.data_dir, ".hidden")
    (server.data_dir / "file.zip").write_bytes(b"")
    assert server.get("/training/datasets").json() == {
        "datasets": [
            {
                "dataset_name": "pets",
                "train_path": str(base / "train"),
                "val_path": str(base / "val"),
                "test_path": str(base / "test"),
                "dataset_base_path": str(base),
                "class_names": ["cat", "dog"],
                "num_images": {"train": 6, "val": 4, "test": 2},
                "ignored": {".txt": 1},
                "problem": None,
            }
        ]
    }


def test_a_dataset_without_val_or_test_is_listed_and_can_be_started(shared: LiveServer, pets: Path) -> None:
    (pets / "train").rename(pets / "Train")
    for split in ("val", "test"):
        shutil.rmtree(pets / split)
    found = listed(shared, pets.name)
    assert (found["train_path"], found["val_path"], found["test_path"]) == (str(pets / "Train"), None, None)
    assert (found["num_images"], found["problem"]) == ({"train": 24, "val": 0, "test": 0}, None)
    request = checked(shared, dataset=pets.name)
    assert (request["train_data_dir"], request["val_data_dir"], request["test_data_dir"]) == (
        str(pets / "Train"),
        None,
        None,
    )
    report = shared.get(f"/training/datasets/{pets.name}").json()
    assert [each["split"] for each in report["warnings"] if each["kind"] == "missing_split"] == ["val", "test"]
    problem(shared.get(f"/training/datasets/{pets.name}/preview?split=val"), 422)
    assert shared.get(f"/training/datasets/{pets.name}/preview").status_code == 200
    run_id = shared.start_run(CONFIG, dataset=pets.name)
    shared.post("/training/stop", {"mode": "discard"})
    assert "missing_split" in [each["kind"] for each in shared.run(run_id)["preflight"]["warnings"]]


def test_a_null_folder_means_no_split_and_an_omitted_one_is_an_error(shared: LiveServer, pets: Path) -> None:
    train = {"train_data_dir": str(pets / "train")}
    assert checked(shared, **train, val_data_dir=None, test_data_dir=None)["val_data_dir"] is None
    body = problem(shared.post("/training/check", {"config_name": CONFIG, **train, "test_data_dir": None}), 422)
    assert set(body["errors"]) == {"val_data_dir"}
    assert "null" in body["errors"]["val_data_dir"][0]
    null = {**train, "train_data_dir": None, "val_data_dir": None, "test_data_dir": None}
    assert set(problem(shared.post("/training/check", {"config_name": CONFIG, **null}), 422)["errors"]) == {
        "train_data_dir"
    }
    # When a client names a dataset, it sends null for each folder that it does not set.
    assert checked(shared, dataset=pets.name, **null)["val_data_dir"] == str(pets / "val")


def test_a_flat_folder_is_listed_with_instructions_and_cannot_be_started(shared: LiveServer, pets: Path) -> None:
    flat = (pets / "train").rename(pets.parent / f"flat-{time.monotonic_ns()}")
    assert f"python -m trainer.split {flat}" in listed(shared, flat.name)["problem"]
    report = shared.get(f"/training/datasets/{flat.name}").json()
    assert (report["status"], [each["kind"] for each in report["errors"]]) == ("checked", ["folders"])
    for call in ("check", "start"):
        body = problem(shared.post(f"/training/{call}", {"config_name": CONFIG, "dataset": flat.name}), 422)
        assert "trainer.split" in body["errors"]["dataset"][0]
    problem(shared.get(f"/training/datasets/{flat.name}/preview"), 422)


def test_an_unusable_dataset_is_listed_with_the_reason(shared: LiveServer) -> None:
    number = time.monotonic_ns()
    (shared.data_dir / f"loop-{number}").symlink_to(f"loop-{number}")
    (shared.data_dir / f"gone-{number}").symlink_to("/no/such/disk")
    (shared.data_dir / f"empty-{number}").mkdir()
    odd = write_dataset(shared.data_dir, f"odd-{number}")
    (odd / "train" / "cat").rename(odd / "train" / "c\tat")
    (shared.data_dir / f"tab\t{number}").mkdir()
    one, differing, none = (write_dataset(shared.data_dir, f"{name}-{number}") for name in ("one", "differing", "none"))
    for split in ("train", "val", "test"):
        shutil.rmtree(one / split / "dog")
    (differing / "val" / "dog").rename(differing / "val" / "Dog")
    shutil.rmtree(none / "test")
    (none / "test").mkdir()
    bytes_name = write_dataset(shared.data_dir, f"bytes-{number}")
    (bytes_name / "train" / "cat").rename(bytes_name / "train" / "c\udce9t")
    for name, reason in (
        (f"loop-{number}", "symbolic links"), (f"gone-{number}", "/no/such/disk"), (f"empty-{number}", "no train"),
        (odd.name, "tab or a newline"), (f"tab\t{number}", "tab or a newline"), (one.name, "only one class"),
        (differing.name, "val lacks dog"), (none.name, "test has no class folders"), (bytes_name.name, "UTF-8"),
    ):  # fmt: skip
        assert reason in listed(shared, name)["problem"]
    names = {each["dataset_name"] for each in shared.get("/training/datasets").json()["datasets"]}
    unknown = problem(shared.get("/training/datasets/unknown"), 404)["message"]
    available = unknown.partition("Available: ")[2].rstrip(".").split(", ")
    assert set(available) <= names
    assert {f"loop-{number}", odd.name} <= set(available)
