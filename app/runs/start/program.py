"""Check before a start whether the program of a `command` can be executed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from trainer.experiment.command import Command

_HEAD_BYTES = 256
"""The number of bytes of a script that the kernel reads to find its interpreter."""


def find_problems(command: Command, output_dir: Path, environment: Mapping[str, str]) -> dict[str, list[str]]:
    """Return errors by parameter for a command that `invocation.fill` has filled.

    `output_dir` counts as existing, because the start makes it. `environment` is the environment without the command's
    own variables. If the command sets PATH, its program is searched there.
    """
    cwd = Path(command.cwd or "")
    if cwd != output_dir and (problem := _folder_problem(cwd)):
        return {"command.cwd": [problem]}
    search = {**environment, **command.env}.get("PATH", os.defpath)
    problem = _program_problem(command.argv[0], cwd, search)
    return {"command.argv": [problem]} if problem else {}


def _folder_problem(folder: Path) -> str | None:
    try:
        os.stat(folder)
    except OSError as error:
        return f"{folder} cannot be the working directory: {error.strerror}."
    if not folder.is_dir():
        return f"{folder} cannot be the working directory: it is a file."
    return (
        None
        if os.access(folder, os.X_OK)
        else f"{folder} cannot be the working directory: the service has no permission to enter it."
    )


def _program_problem(name: str, cwd: Path, search: str) -> str | None:
    found = [cwd / name] if "/" in name else [cwd / folder / name for folder in search.split(os.pathsep)]
    there = [path for path in found if os.path.exists(path)]  # As far as the service may look.
    program = next((path for path in there if path.is_file() and os.access(path, os.X_OK)), None)
    if program is not None:
        return _script_problem(program, cwd)
    for path in there:
        if path.is_dir() and "/" in name:
            return f"{path} is a folder, not a program."
        if path.is_file():
            return f"{path} is not executable. Make it so (chmod +x), or put its interpreter first."
    return f"There is no program {found[0]}." if "/" in name else f"There is no program {name} on the PATH: {search}"


def _script_problem(program: Path, cwd: Path) -> str | None:
    """Say why the kernel cannot execute an executable file: a script needs an interpreter that exists."""
    try:
        with open(program, "rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return None  # It may be executable but not readable.
    if not head.startswith(b"#!"):
        is_binary = head.startswith(b"\x7fELF") or b"\0" in head
        return (
            None if is_binary else f"{program} has no #! line. Add one, or put its interpreter first, such as python3."
        )
    interpreter = os.fsdecode(head[2:].partition(b"\n")[0].strip(b" \t").partition(b" ")[0].partition(b"\t")[0])
    if os.access(cwd / interpreter, os.X_OK):
        return None
    return f"{program} cannot be executed: its #! line names {interpreter!r}, which does not exist."
