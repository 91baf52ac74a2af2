"""Where a run comes from: the machine, the commit of the program's folder, and the versions of its packages."""

from __future__ import annotations

import os
import platform
import signal
import socket
import subprocess
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from tempfile import TemporaryFile
from typing import IO, Any

import pynvml

from app.runs import child
from app.runs.start.machine import PACKAGES
from trainer.manifest import program_is_ours

RESULT_PACKAGES = (*PACKAGES, "numpy", "pillow")
"""What decides the result of our own trainer."""
MAX_GIT_S = 0.05
"""A start waits this long for git. The worktree of a huge repository takes longer to compare."""

_CHECK_EVERY_S = 0.002
_HEAD = ("rev-parse", "HEAD", "--abbrev-ref", "HEAD")
_FILTERS = ("config", "--show-scope", "--name-only", "--get-regexp", r"^filter\.")
_STATUS = ("status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all", "-z")
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false")
_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "none",  # A partial clone would fetch what it lacks, with a program of its configuration.
    "GIT_OPTIONAL_LOCKS": "0",  # An index that was written would call a hook.
    "GIT_TERMINAL_PROMPT": "0",
}


def describe_origin(program: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the origin of a run for run.json, by the program that run.json describes.

    The interpreter and packages are those of the service, with which our own trainer runs. Those of a `command` are
    None, because only its program knows them.
    """
    is_ours = program_is_ours(program)
    return {
        "host": socket.gethostname(),
        "git": describe_git(program["cwd"]),
        "python": platform.python_version() if is_ours else None,
        "packages": _packages() if is_ours else None,
        "gpu_driver": _gpu_driver(),
    }


def describe_git(folder: str, max_s: float = MAX_GIT_S) -> dict[str, Any] | None:
    """Describe the commit that is checked out in a folder. None without one, or if git does not answer in time.

    `num_changed` is the number of tracked files that differ from the commit. It is None if git needs too long to
    compare, or if the repository has filters of its own, because git would execute them to compare. Nothing executes a
    program that the repository names.
    """
    deadline = time.monotonic() + max_s
    try:
        with TemporaryFile() as head_file, TemporaryFile() as filters_file:
            first = _start_git(folder, head_file, *_HEAD)
            second = _start_git(folder, filters_file, *_FILTERS)
            head, filters = _answer(first, head_file, deadline), _answer(second, filters_file, deadline, (0, 1))
        if head is None:
            return None
        changes = _changes(folder, deadline) if _are_trusted(filters) else None
    except OSError:  # The disk is full.
        return None
    commit, _, branch = head.strip().partition("\n")
    num_changed = None if changes is None else _count(changes)
    return {"commit": commit, "branch": None if branch == "HEAD" else branch, "num_changed": num_changed}


def _are_trusted(filters: str | None) -> bool:
    """Whether all filters are those of the user or of the machine, such as git-lfs. None: git could not list them."""
    return filters is not None and all(line.startswith(("global\t", "system\t")) for line in filters.splitlines())


def _changes(folder: str, deadline: float) -> str | None:
    with TemporaryFile() as output:
        return _answer(_start_git(folder, output, *_STATUS), output, deadline)


def _start_git(folder: str, output: IO[bytes], *arguments: str) -> subprocess.Popen[bytes] | None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        return subprocess.Popen(
            [*_GIT, *arguments],
            cwd=folder,
            env=environment | _ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,  # A file, because reading a pipe with a timeout does not work under eventlet.
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:  # No git, or a folder that cannot be entered.
        return None


def _answer(
    process: subprocess.Popen[bytes] | None, output: IO[bytes], deadline: float, good: Collection[int] = (0,)
) -> str | None:
    """Return what git printed, or None if it is late or its exit code is not `good`. It is gone on return."""
    if process is None:
        return None
    while process.poll() is None:
        if time.monotonic() > deadline:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None
        time.sleep(_CHECK_EVERY_S)
    return child.printed(output) if process.returncode in good else None


def _count(changes: str) -> int:
    """Count the entries of `git status -z`. A renamed file has two, and the second is its old name."""
    entries = iter(changes.split("\0"))
    number = 0
    for entry in entries:
        if entry:
            number += 1
            if "R" in entry[:2] or "C" in entry[:2]:
                next(entries, None)
    return number


def _packages() -> dict[str, str]:
    found = {}
    for name in RESULT_PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _gpu_driver() -> str | None:
    try:
        pynvml.nvmlInit()
        return str(pynvml.nvmlSystemGetDriverVersion())
    except pynvml.NVMLError:
        return None
