"""Which files of a program are taken for its metrics."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.runs.collect.discovery import MAX_FILES, USUAL_FILES, find_files
from app.runs.store.run import Run
from tests.app.runs.collect.runs import command_run, write
from trainer.rundir import RunDir


def found(run: Run) -> dict[str, str]:
    """Return the paths of the found files by name."""
    return {name: str(file.path.relative_to(run.directory.path)) for name, file in find_files(run).files.items()}


@pytest.mark.parametrize("place", USUAL_FILES)
@pytest.mark.parametrize("folder", ["", "train/"])
def test_the_usual_places_need_no_declaration(tmp_path: Path, folder: str, place: str) -> None:
    run = command_run(tmp_path)
    path = folder + place.replace("[0-9]*", "3")
    write(run, path, "step\n1\n")
    assert list(found(run).values()) == [f"output/{path}"]


def test_the_program_folder_counts_before_the_folders_within_it(tmp_path: Path) -> None:
    run = command_run(tmp_path)
    for path in ("train9/metrics.csv", "results.csv", "deep/er/metrics.csv"):
        write(run, path, "step\n1\n")
    assert found(run) == {"results.csv": "output/results.csv"}


@pytest.mark.parametrize(
    ("paths", "newest"),
    [
        (["csv/version_9/metrics.csv", "csv/version_10/metrics.csv", "csv/version_x/metrics.csv"],
         "csv/version_10/metrics.csv"),
        (["train/results.csv", "train2/results.csv", "train10/results.csv"], "train10/results.csv"),
        (["checkpoint-500/trainer_state.json", "checkpoint-1000/trainer_state.json"],
         "checkpoint-1000/trainer_state.json"),
        (["checkpoint-500/trainer_state.json", "trainer_state.json"], "trainer_state.json"),
    ],
)  # fmt: skip
def test_the_newest_file_counts(tmp_path: Path, paths: list[str], newest: str) -> None:
    run = command_run(tmp_path)
    for path in paths:
        write(run, path, "step\n1\n")
    assert list(found(run).values()) == [f"output/{newest}"]


def test_a_newer_checkpoint_has_the_name_of_the_older_one(tmp_path: Path) -> None:
    run = command_run(tmp_path)
    names = []
    for path in ("checkpoint-500/trainer_state.json", "checkpoint-1000/trainer_state.json", "trainer_state.json"):
        write(run, path, "{}")
        names += list(found(run))
    assert names == ["trainer_state.json"] * 3


def test_declared_files_are_all_read_in_their_order(tmp_path: Path) -> None:
    files = ["val.csv", "logs/*.jsonl", "none.csv", "checkpoint-*/trainer_state.json"]
    run = command_run(tmp_path, files=files)
    paths = ["metrics.csv", "val.csv", "logs/b.jsonl", "logs/a.jsonl"]
    paths += [f"checkpoint-{step}/trainer_state.json" for step in (90, 100)]
    for path in paths:
        write(run, path, "step\n1\n")
    expected = ["val.csv", "logs/a.jsonl", "logs/b.jsonl", "checkpoint-100/trainer_state.json"]
    assert list(found(run).values()) == [f"output/{path}" for path in expected]
    assert find_files(run).problems == ["No file matches none.csv in output/ yet"]


def test_files_beyond_the_limit_are_said(tmp_path: Path) -> None:
    run = command_run(tmp_path, files=["*.csv"])
    for number in range(MAX_FILES + 1):
        write(run, f"{number}.csv", "step\n1\n")
    assert len(found(run)) == MAX_FILES
    assert "100 of 101 files" in find_files(run).problems[0]


def test_files_outside_of_the_program_folder_are_no_metrics_of_a_command(tmp_path: Path) -> None:
    run = command_run(tmp_path)
    (tmp_path / "metrics.csv").write_text("step\n1\n")
    assert find_files(run) == ({}, [])


def test_a_folder_that_is_not_ours_is_searched_too(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-5").mkdir()
    (tmp_path / "checkpoint-5" / "trainer_state.json").write_text("{}")
    run = Run(RunDir(tmp_path), "unknown", None, {})
    assert found(run) == {"trainer_state.json": "checkpoint-5/trainer_state.json"}
