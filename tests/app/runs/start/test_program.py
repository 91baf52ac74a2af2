"""Problems that keep a command from running, found before its launch and compared with the kernel's verdict."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.runs.start.program import find_problems
from trainer.experiment.command import Command

SCRIPT = "#!/bin/sh\nexit 0\n"


def make(path: Path, content: str | bytes = SCRIPT, mode: int = 0o755) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return str(path)


def is_executed(home: Path, command: Command) -> bool:
    """Return whether the kernel executes the command and its exit code is 0."""
    try:
        return subprocess.run(command.argv, cwd=command.cwd or home, env=os.environ | command.env).returncode == 0
    except OSError:
        return False


CASES: dict[str, tuple[Callable[[Path], Command], str | None]] = {
    "on the PATH": (lambda home: Command(("true",)), None),
    "by its path": (lambda home: Command((make(home / "run"),)), None),
    "in its folder": (lambda home: Command(("./run",), cwd=str(Path(make(home / "here" / "run")).parent)), None),
    "binary": (lambda home: Command((sys.executable, "-c", "pass")), None),
    "on a PATH of its own": (
        lambda home: Command(("mine",), env={"PATH": str(Path(make(home / "bin" / "mine")).parent)}),
        None,
    ),
    "on a relative PATH": (
        lambda home: Command(("mine",), cwd=str(home), env={"PATH": Path(make(home / "bin" / "mine")).parent.name}),
        None,
    ),
    "behind a folder of that name on the PATH": (
        lambda home: Command(
            ("true",), env={"PATH": f"{Path(make(home / 'true' / 'x')).parents[1]}:{os.environ['PATH']}"}
        ),
        None,
    ),
    "absent": (lambda home: Command(("/no/such/program",)), "There is no program /no/such/program."),
    "absent from its folder": (lambda home: Command(("./run",), cwd=str(home)), "There is no program"),
    "absent from the PATH": (lambda home: Command(("no-such-program",)), "on the PATH"),
    "absent from a PATH of its own": (
        lambda home: Command(("true",), env={"PATH": str(home)}),
        "There is no program true on the PATH",
    ),
    "not executable": (lambda home: Command((make(home / "run", mode=0o644),)), "chmod +x"),
    "not executable on the PATH": (
        lambda home: Command(("mine",), env={"PATH": str(Path(make(home / "mine", mode=0o644)).parent)}),
        "chmod +x",
    ),
    "a folder": (lambda home: Command((str(home),)), "is a folder, not a program"),
    "no #! line": (lambda home: Command((make(home / "train.py", "print(1)\n"),)), "no #! line"),
    "empty": (lambda home: Command((make(home / "train.py", ""),)), "no #! line"),
    "no interpreter": (lambda home: Command((make(home / "run", "#!/no/python -u\n"),)), "'/no/python'"),
    "Windows line endings": (lambda home: Command((make(home / "run", "#!/bin/sh\r\nexit 0\r\n"),)), r"'/bin/sh\\r'"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_program_has_a_problem_exactly_if_the_kernel_refuses_it(tmp_path: Path, name: str) -> None:
    make_command, expected = CASES[name]
    command = make_command(tmp_path)
    errors = find_problems(command, tmp_path / "output", os.environ)
    assert is_executed(tmp_path, command) == (expected is None)
    if expected is None:
        assert errors == {}
    else:
        assert list(errors) == ["command.argv"]
        assert expected.replace("\\\\", "\\") in errors["command.argv"][0]


def test_the_working_directory_must_exist_at_the_launch(tmp_path: Path) -> None:
    def problem(cwd: str) -> str:
        return " ".join(
            find_problems(Command(("true",), cwd=cwd), tmp_path / "output", os.environ).get("command.cwd", [])
        )

    assert problem(str(tmp_path)) == problem("docs") == "", "a relative folder is relative to the project"
    assert problem(str(tmp_path / "output")) == "", "a start creates this folder"
    assert "No such file or directory" in problem(str(tmp_path / "output" / "below"))
    assert "No such file or directory" in problem("/no/such/folder")
    assert "it is a file" in problem(make(tmp_path / "file"))
