"""The arguments that a `command` gets when it resumes a run, and the files that they name. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath

from trainer.experiment import placeholders
from trainer.experiment.placeholders import RESUME_DIR

_BELOW = f"{{{RESUME_DIR}}}/"
"""What stands behind it in an argument is a path below the earlier run's output folder. It may be a glob."""


def problem(text: str) -> str | None:
    """Say what is wrong with the path in an argument."""
    _, is_path, path = text.partition(_BELOW)
    if not is_path:
        return None
    if placeholders.names(path):
        return f"must not have a placeholder behind {_BELOW}"
    if not is_inside(path):
        return f"must have a path or a glob behind {_BELOW}, such as last.pt or checkpoint-*"
    return None


def is_inside(path: str) -> bool:
    """Whether it is a path or a glob that cannot leave the folder that it is relative to."""
    parts = PurePosixPath(path).parts
    has_odd_stars = any("**" in part and part != "**" for part in parts)
    return bool(parts) and not path.startswith("/") and ".." not in parts and not has_odd_stars


def paths(arguments: Iterable[str]) -> list[str]:
    """Return the paths and globs that a run must have written to be resumed, relative to its output folder."""
    found = (text.partition(_BELOW) for text in arguments)
    return [placeholders.replace(path, {}) for _, is_path, path in found if is_path]


def fill(text: str, values: Mapping[str, str], output_dir: Path, find: Callable[[str], Path]) -> str:
    """Replace the placeholders of an argument.

    `output_dir` is the earlier run's output folder. `find` returns what a path or glob below it stands for.
    """
    before, is_path, path = text.partition(_BELOW)
    if not is_path:
        return placeholders.fill(text, {**values, RESUME_DIR: str(output_dir)})
    return placeholders.fill(before, values) + str(find(placeholders.replace(path, {})))
