"""Texts of a command with placeholders in braces, such as `--out={output_dir}`. Standard library only."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

PLACEHOLDERS = ("output_dir", "run_dir", "config_name", "train_data_dir", "val_data_dir", "test_data_dir", "model_name")
"""The names that the service fills in, beside the command's own parameters."""
RESUME_DIR = "resume_dir"
"""The name that only the arguments of `resume` may hold: the earlier run's output folder."""

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_FLAG = re.compile(r"\{([^{}?]+)\?([^{}]+)\}")


def names(text: str) -> set[str]:
    """Return the names in braces."""
    return {name.partition("?")[0] for name in _BRACES.findall(text) if name}


class Flag(NamedTuple):
    """An argument that the program gets only if the boolean parameter `name` is true."""

    name: str
    text: str


def as_flag(text: str) -> Flag | None:
    """Return the flag that an argument is. None for any other argument."""
    match = _FLAG.fullmatch(text)
    return Flag(match[1], match[2]) if match else None


def first_name(text: str) -> str | None:
    """Return the name of the placeholder with which the text begins, if it begins with one."""
    match = _BRACES.match(text)
    return (match[1] or None) if match else None


def problems(text: str, known: Collection[str]) -> Iterator[str]:
    """Yield a message for every brace that is neither a known placeholder nor doubled."""
    for match in _BRACES.finditer(text):
        if match[0] in ("{{", "}}") or match[1] in known:
            continue
        if "?" in match[0]:
            yield f'"{match[0]}" must be a whole argument, such as "{{amp?--amp}}", and name a boolean parameter'
        else:
            listed = " ".join(f"{{{name}}}" for name in known)
            yield f'"{match[0]}" is not a placeholder; use {listed}, and {{{{ }}}} for braces'


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace each placeholder by its value, and a leading `~` by the home directory.

    `values` must hold all `names(text)`. Braces and `~` inside a value stay as they are.
    """
    return replace(os.path.expanduser(text), values)


def replace(text: str, values: Mapping[str, str]) -> str:
    """Replace each placeholder by its value, and doubled braces by single ones."""
    return _BRACES.sub(lambda match: values[match[1]] if match[1] else match[0][0], text)
