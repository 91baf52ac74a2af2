"""The search for files of a run by globs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.runs.globs import find_matches, find_newest, has_match
from trainer.rundir import RunDir

FILES = ("a.pt", "b.onnx", "weights/best.pt", "weights/last.pt", "weights/deep/er/x.onnx", ".cache/hidden.pt", ".d.pt")


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    for name in FILES:
        path = tmp_path / "run" / "output" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return RunDir(tmp_path / "run")


def names(run: RunDir, *wanted: str) -> list[str]:
    return [str(found.file.path.relative_to(run.output)) for found in find_matches(run, run.output, wanted)]


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("a.pt", ["a.pt"]),
        ("*.pt", ["a.pt"]),
        ("*/*.pt", ["weights/best.pt", "weights/last.pt"]),
        ("**/*.pt", ["a.pt", "weights/best.pt", "weights/last.pt"]),
        ("**/*.onnx", ["b.onnx", "weights/deep/er/x.onnx"]),
        ("weights/**", ["weights/best.pt", "weights/deep/er/x.onnx", "weights/last.pt"]),
        ("**/er/*", ["weights/deep/er/x.onnx"]),
        ("./weights//[bx]*.p?", ["weights/best.pt"]),
        ("**/.*/*.pt", [".cache/hidden.pt"]),
        (".d.pt", [".d.pt"]),
        ("**/**/**/x.onnx", ["weights/deep/er/x.onnx"]),
        ("weights", []),
        ("weights/*/er", []),
        ("A.PT", []),
        ("", []),
        ("\0", []),
        ("x" * 5_000, []),
    ],
)
def test_a_glob_matches_as_in_a_shell(run: RunDir, glob: str, expected: list[str]) -> None:
    assert names(run, glob) == expected


def test_a_file_comes_at_its_first_glob(run: RunDir) -> None:
    assert names(run, "weights/last.pt", "*.onnx", "**/*.pt", "b.onnx") == [
        "weights/last.pt", "b.onnx", "a.pt", "weights/best.pt",
    ]  # fmt: skip


@pytest.mark.parametrize("glob", ["../outside.pt", "../../**/*.pt", "out/*.pt", "out/outside.pt", "*.pipe", "loop/**"])
def test_nothing_else_than_a_regular_file_of_the_run_matches(run: RunDir, tmp_path: Path, glob: str) -> None:
    (tmp_path / "outside.pt").touch()
    (run.output / "out").symlink_to(tmp_path)
    (run.output / "to.pt.link").symlink_to(tmp_path / "outside.pt")
    (run.output / "loop").symlink_to(run.output)
    os.mkfifo(run.output / "x.pipe")
    assert names(run, glob) == []


def test_a_link_that_stays_in_the_run_is_a_file_of_the_run(run: RunDir) -> None:
    (run.output / "best.link").symlink_to("weights/best.pt")
    (run.output / "linked").symlink_to("weights")
    assert names(run, "*.link", "linked/last.pt", "linked/*.pt") == ["best.link", "linked/last.pt"]


def test_a_search_in_a_huge_folder_finds_the_upper_files(run: RunDir) -> None:
    for number in range(50):
        (run.output / "weights" / "deep" / f"{number}.onnx").touch()
    found = find_matches(run, run.output, ["**/*.onnx"], max_entries=10)
    assert "b.onnx" in [each.file.name for each in found]
    assert len(found) < 10


def test_a_missing_or_closed_folder_has_no_files(tmp_path: Path) -> None:
    assert find_matches(RunDir(tmp_path), tmp_path / "missing", ["**/*", "a"]) == []


@pytest.mark.parametrize(
    ("glob", "expected"),
    [("*.pt", "a.pt"), ("weights/*", "weights/last.pt"), ("**/*.pt", "weights/last.pt"), ("*", "weights")],
)
def test_the_newest_match_is_a_file_or_a_folder(run: RunDir, glob: str, expected: str) -> None:
    for age, name in enumerate(("weights", "weights/last.pt", "weights/best.pt", "a.pt", "b.onnx")):
        os.utime(run.output / name, (1_000_000_000 - age,) * 2)
    os.utime(run.output / "weights/deep", (0, 0))
    assert find_newest(run.output, glob) == run.output / expected
    assert has_match(run.output, glob)


@pytest.mark.parametrize("glob", ["none/*.pt", "none.pt", "a\0.pt", "*.none"])
def test_nothing_is_the_newest_of_no_match(run: RunDir, glob: str) -> None:
    assert find_newest(run.output, glob) is None
    assert not has_match(run.output, glob)
