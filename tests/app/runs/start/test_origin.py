"""What run.json says of the commit in the program's folder, with real repositories."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.runs.start.origin import describe_git, describe_origin

MAX_S = 20.0
"""The machine of the tests is busy."""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with two committed files, and no configuration but its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text("1\n")
    (folder / "ä b.py").write_text("1\n")
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "First"]):
        git(folder, *arguments)
    return folder


def git(folder: Path, *arguments: str) -> str:
    names = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    return subprocess.run(
        ["git", *names, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_clean_checkout_is_described(repository: Path) -> None:
    (repository / "notes.txt").write_text("nobody tracks this")
    expected = {"commit": git(repository, "rev-parse", "HEAD"), "branch": "main", "num_changed": 0}
    assert describe_git(str(repository), MAX_S) == expected


def test_changed_renamed_and_deleted_files_are_counted(repository: Path) -> None:
    git(repository, "mv", "ä b.py", "c d.py")
    (repository / "train.py").unlink()
    described = describe_git(str(repository), MAX_S)
    assert described is not None
    assert described["num_changed"] == 2


def test_a_commit_without_a_branch_has_none(repository: Path) -> None:
    git(repository, "checkout", "-q", "--detach")
    described = describe_git(str(repository), MAX_S)
    assert described is not None
    assert described["branch"] is None


def test_a_folder_below_the_repository_has_its_commit(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the service, such as that of a git hook, points nowhere else."""
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    (repository / "src").mkdir()
    described = describe_git(str(repository / "src"), MAX_S)
    assert described is not None
    assert described["branch"] == "main"


def test_without_a_commit_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert describe_git(str(tmp_path), MAX_S) is None
    assert describe_git(str(tmp_path / "missing"), MAX_S) is None
    git(tmp_path, "init", "-q")
    assert describe_git(str(tmp_path), MAX_S) is None
    monkeypatch.setenv("PATH", "")
    assert describe_git(str(tmp_path), MAX_S) is None


def test_the_configuration_of_a_repository_executes_nothing(repository: Path, tmp_path: Path) -> None:
    executed = tmp_path / "executed"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {executed}\n")
    program.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "filter.own.clean", "filter.own.process", "filter.a=b.clean"):
        git(repository, "config", name, str(program))
    (repository / ".gitattributes").write_text("train.py filter=own\n")
    for hook in ("post-index-change", "reference-transaction"):
        (repository / ".git" / "hooks" / hook).write_text(program.read_text())
        (repository / ".git" / "hooks" / hook).chmod(0o755)
    (repository / "train.py").write_text("2\n")
    described = describe_git(str(repository), MAX_S)
    assert described is not None
    assert (described["branch"], described["num_changed"]) == ("main", None)
    assert not executed.exists()


def test_a_filter_of_the_user_is_executed_to_compare(repository: Path, tmp_path: Path) -> None:
    """Without git-lfs, for example, each of its files would seem to be changed."""
    git(repository, "config", "--global", "filter.upper.clean", "tr a-z A-Z")
    (repository / ".gitattributes").write_text("train.py filter=upper\n")
    (repository / "train.py").write_text("code\n")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "Second")
    (repository / "train.py").write_text("Code\n")
    described = describe_git(str(repository), MAX_S)
    assert described is not None
    assert described["num_changed"] == 0


def test_a_partial_clone_fetches_nothing(repository: Path, tmp_path: Path) -> None:
    executed = tmp_path / "executed"
    git(repository, "config", "core.repositoryFormatVersion", "1")
    git(repository, "config", "extensions.partialClone", "origin")
    git(repository, "config", "remote.origin.url", "ssh://nowhere/x")
    git(repository, "config", "remote.origin.promisor", "true")
    git(repository, "config", "core.sshCommand", f"touch {executed}; false")
    tree = git(repository, "rev-parse", "HEAD^{tree}")
    (repository / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    described = describe_git(str(repository), MAX_S)
    assert described is not None
    assert described["num_changed"] is None
    assert not executed.exists()


def test_a_git_that_hangs_is_killed_and_left_out(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its children go too; the check after each test finds what would be left."""
    (tmp_path / "bin").mkdir()
    slow = tmp_path / "bin" / "git"
    slow.write_text("#!/bin/sh\nsleep 600\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    assert describe_git(str(repository), 0.05) is None


def test_versions_are_known_for_our_own_trainer_only(tmp_path: Path) -> None:
    ours = describe_origin({"cwd": str(tmp_path), "needs_result": True})
    assert ours["python"] == ".".join(map(str, sys.version_info[:3]))
    assert ours["packages"]["torch"].startswith("2.")
    command = describe_origin({"cwd": str(tmp_path), "needs_result": False})
    assert (command["python"], command["packages"], command["git"]) == (None, None, None)
    assert command["host"]
