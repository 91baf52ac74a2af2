"""`training prune`: a dry run first, what it prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import main
from tests.app.written import METRICS, write_run


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """Two runs that ended long ago. One of them has metrics."""
    write_run(tmp_path / "runs", "run-1", metrics=METRICS)
    write_run(tmp_path / "runs", "run-2")
    return tmp_path / "runs"


def prune(runs_dir: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["prune", f"--runs-dir={runs_dir}", *arguments])
    return result.exit_code, result.output


def test_nothing_goes_without_yes(runs_dir: Path) -> None:
    code, output = prune(runs_dir, "--older-than", "1h", "--keep-best", "1", "--monitor", "val/loss")
    assert code == 0
    assert "number 1 of digits.yaml by val/loss (0.625)" in output
    assert "add --yes" in output
    code, output = prune(runs_dir, "--older-than", "1h")
    assert output.count("removable") == 2
    assert {path.name for path in runs_dir.iterdir()} == {"run-1", "run-2"}


def test_yes_removes_and_json_says_what(runs_dir: Path) -> None:
    code, output = prune(runs_dir, "--keep-best=1", "--monitor=val/loss", "--older-than=30d", "--yes", "--json")
    report = json.loads(output)
    assert (code, report["is_dry_run"]) == (0, False)
    assert {run["run_id"]: run["removable"] for run in report["runs"]} == {"run-1": False, "run-2": False}
    assert prune(runs_dir, "--older-than", "2w", "--yes")[0] == 0
    assert list(runs_dir.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--older-than, --keep-best, or both"),
        (["--older-than", "30"], "30d (days)"),
        (["--older-than", "-1d"], "30d (days)"),
        (["--keep-best", "0"], "0 is not in the range"),
        (["--monitor", "val/acc", "--older-than", "1d"], "needs --keep-best"),
    ],
)
def test_a_wrong_call_removes_nothing_and_says_what_would_be_right(
    runs_dir: Path, arguments: list[str], message: str
) -> None:
    code, output = prune(runs_dir, *arguments, "--yes")
    assert code == 2
    assert message in output
    assert len(list(runs_dir.iterdir())) == 2


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    code, output = prune(tmp_path / "none", "--older-than", "1d")
    assert code == 1
    assert str(tmp_path / "none") in output
