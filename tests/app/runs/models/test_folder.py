"""The models of runs: of commands, of directories of other programs, and of our own trainer."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.runs.models.folder import ModelFolder
from app.runs.store.store import RunStore
from tests.app.onnxfile import content_of
from tests.app.runs.models.conftest import RUN_ID, card_of
from tests.app.written import write_command_run, write_files, write_json, write_model, write_run

ONNX = content_of()


def files_of(folder: ModelFolder) -> list[str]:
    return [model.path.removeprefix("output/") for model in folder.list()]


def test_files_come_in_the_order_of_the_globs_and_the_newest_first(
    folder: ModelFolder, command: Callable[..., Path]
) -> None:
    output = command("weights/best.pt", "**/*.pt", "*.onnx")
    names = ["a.pt", "m.onnx", "notes.txt", "weights/best.pt", "weights/last.pt", "weights/0.pt", ".x.pt"]
    write_files(output, *names)
    for age, name in enumerate(("weights/last.pt", "weights/0.pt", "a.pt")):
        os.utime(output / name, (10**9 - age,) * 2)
    assert files_of(folder) == ["weights/best.pt", "weights/last.pt", "weights/0.pt", "a.pt", "m.onnx"]


def test_a_command_that_declares_nothing_has_its_onnx_files(folder: ModelFolder, command: Callable[..., Path]) -> None:
    write_files(command(), "deep/er/m.onnx", "last.pt")
    assert files_of(folder) == ["deep/er/m.onnx"]


def test_a_command_may_declare_that_nothing_is_a_model(folder: ModelFolder, store: RunStore) -> None:
    write_files(write_command_run(store.runs_dir, RUN_ID, models=[]) / "output", "m.onnx")
    assert files_of(folder) == []


def test_files_of_ours_are_no_models_of_a_command(folder: ModelFolder, command: Callable[..., Path]) -> None:
    output = command("**/*")
    write_model(output.parent)
    write_files(output, "checkpoints/epoch_003.onnx")
    assert files_of(folder) == ["checkpoints/epoch_003.onnx"]


def test_the_card_of_a_file_without_one_says_what_the_service_knows(
    folder: ModelFolder, command: Callable[..., Path]
) -> None:
    request = {"model_name": "digits", "config_name": "ours.yaml", "train_data_dir": "/data/pets/train"}
    output = command("*.pt", request=request)
    write_files(output, "best.pt", content=b"12345")
    os.utime(output / "best.pt", (10**9, 10**9))
    assert card_of(folder) == {
        "run_id": RUN_ID,
        "model_name": "digits",
        "model_path": str(output / "best.pt"),
        "file": "output/best.pt",
        "size_bytes": 5,
        "modified_at": "2001-09-09T01:46:40+00:00",
        "dataset_name": "pets",
        "config_name": "ours.yaml",
        "class_names": None,
        "train_metrics": None,
        "test_metrics": None,
        "variants": None,
        "is_tested": False,
        "is_verified": False,
        "external_data": None,
        "problem": None,
    }


CARD = {"model_name": "pets", "class_names": ["cat", "dog"], "test_metrics": {"test/acc": 0.5}, "note": [1]}


@pytest.mark.parametrize(
    "name", ["w/best.json", "best.json", "w/classification_model.json", "classification_model.json"]
)
def test_a_card_lies_beside_its_file_or_in_the_output_folder(
    folder: ModelFolder, command: Callable[..., Path], name: str
) -> None:
    output = command("w/*")
    write_files(output, "w/best.pt", "w/config.json")
    write_json(output / name, CARD | {"model_path": "C/elsewhere/best.pt", "run_id": "other", "problem": "none"})
    card = next(model for model in folder.list() if model.path.endswith("best.pt")).card()
    assert (card["model_name"], card["class_names"], card["test_metrics"]) == (
        "pets",
        ["cat", "dog"],
        {"test/acc": 0.5},
    )
    assert (card["run_id"], card["file"], card["problem"]) == (RUN_ID, "output/w/best.pt", None)
    assert (card["note"], card["is_tested"], card["is_verified"]) == ([1], True, False)
    assert sorted(files_of(folder)) == ["w/best.pt", "w/config.json"]


def test_a_card_for_every_file_must_name_its_file(folder: ModelFolder, command: Callable[..., Path]) -> None:
    output = command("*.pt")
    write_files(output, "a.pt", "b.pt")
    write_json(output / "classification_model.json", CARD | {"model_path": "b.pt"})
    cards = {model.path: model.card()["class_names"] for model in folder.list()}
    assert cards == {"output/a.pt": None, "output/b.pt": ["cat", "dog"]}
    write_json(output / "classification_model.json", CARD)
    assert {model.card()["class_names"] is None for model in folder.list()} == {True}


@pytest.mark.parametrize("content", [{"lr": 0.1}, [CARD], 7, None, {}])
def test_another_json_beside_a_file_is_no_card(
    folder: ModelFolder, command: Callable[..., Path], content: object
) -> None:
    output = command("best.*")
    write_files(output, "best.pt")
    write_json(output / "best.json", content)
    assert sorted(files_of(folder)) == ["best.json", "best.pt"]
    assert "lr" not in next(iter(folder.list())).card()


def test_each_field_of_a_wrong_type_is_dropped_alone(folder: ModelFolder, command: Callable[..., Path]) -> None:
    output = command("*.pt")
    write_files(output, "best.pt")
    wrong: dict[str, Any] = {
        "model_name": ["x"], "dataset_name": 7, "class_names": ["cat", 3], "train_metrics": {"a": "b"}, "mean": "x",
        "std": [1, None], "input_shape": {"a": 1}, "sha256": 5, "includes_preprocessing": 1, "value_range": [True],
        "splits": [], "max_difference": "0", "variants": [{"name": "int8", "model_path": "/etc/passwd"}],
    }  # fmt: skip
    write_json(output / "best.json", wrong | {"test_metrics": {"acc": 1}, "std": [1.5], "size_bytes": "x"})
    card = card_of(folder)
    kept = {"test_metrics": {"acc": 1}, "std": [1.5], "size_bytes": 0, "model_name": "digits"}
    assert {name: card[name] for name in wrong | kept} == dict.fromkeys(wrong) | kept


def test_the_dataset_is_the_one_that_was_used(folder: ModelFolder, command: Callable[..., Path]) -> None:
    output = command("*.pt", request={"dataset": "digits", "config_name": None})
    write_files(output, "best.pt")
    write_json(output / "best.json", CARD | {"dataset_name": "cifar10", "config_name": "theirs.yaml"})
    assert (card_of(folder)["dataset_name"], card_of(folder)["config_name"]) == ("digits", "theirs.yaml")


def test_a_program_that_chose_its_dataset_itself_may_name_it(folder: ModelFolder, command: Callable[..., Path]) -> None:
    output = command("*.pt")
    write_files(output, "best.pt")
    assert card_of(folder)["dataset_name"] is None
    write_json(output / "best.json", {"dataset_name": "cifar10"})
    assert card_of(folder)["dataset_name"] == "cifar10"


@pytest.mark.parametrize("card", ["checkpoints/pets.json", "pets.json", "classification_model.json"])
def test_a_finished_run_of_another_program_has_its_model(folder: ModelFolder, store: RunStore, card: str) -> None:
    run = store.runs_dir / RUN_ID
    write_files(run, "checkpoints/pets.onnx", "checkpoints/last.ckpt", "train.log", content=ONNX)
    content = CARD | {"dataset_name": "pets", "model_path": "/old/checkpoints/pets.onnx"}
    write_json(run / card, content)
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    described = card_of(folder)
    assert (described["model_path"], described["file"]) == (
        str(run / "checkpoints" / "pets.onnx"), "checkpoints/pets.onnx",
    )  # fmt: skip
    assert (described["model_name"], described["dataset_name"], described["problem"]) == ("pets", "pets", None)
    assert folder.download(RUN_ID, None, None).name == "pets.onnx"
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_a_file_of_another_program_without_a_card_is_named_after_itself(folder: ModelFolder, store: RunStore) -> None:
    write_files(store.runs_dir / RUN_ID, "checkpoints/pets.onnx", content=ONNX)
    assert card_of(folder)["model_name"] == "pets"


def test_odd_files_are_no_models(folder: ModelFolder, command: Callable[..., Path], tmp_path: Path) -> None:
    output = command("*.pt", "**/*.onnx")
    os.mkfifo(output / "fifo.pt")
    (output / "folder.pt").mkdir()
    (tmp_path / "secret.pt").write_text("secret")
    (output / "link.pt").symlink_to(tmp_path / "secret.pt")
    (output / "linked").symlink_to(tmp_path)
    (output / "circle.onnx").symlink_to("circle.onnx")
    (output / os.fsdecode(b"\xff.pt")).write_text("not UTF-8")
    write_files(output, "good.pt")
    assert files_of(folder) == ["good.pt"]


def test_a_huge_sparse_file_is_listed_at_once(folder: ModelFolder, command: Callable[..., Path]) -> None:
    output = command("*")
    for name in ("x.onnx", "x.pt", "x.json"):
        with open(output / name, "wb") as file:
            file.truncate(2**40)
    sizes = {model.path: model.status.st_size for model in folder.list()}
    assert sizes == dict.fromkeys(("output/x.json", "output/x.onnx", "output/x.pt"), 2**40)


def test_a_run_of_ours_has_its_verified_model_only(folder: ModelFolder, store: RunStore) -> None:
    run = write_run(store.runs_dir, RUN_ID)
    write_files(run, "checkpoints/epoch_009.onnx")
    assert files_of(folder) == []
    write_model(run)
    assert files_of(folder) == ["checkpoints/epoch_003.onnx"]
    assert card_of(folder)["is_verified"] is True
