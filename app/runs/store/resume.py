"""What a run must have left so that another run can resume from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.runs.globs import has_match
from app.runs.store.welltyped import is_list_of, is_string
from trainer.experiment.resume_arguments import is_inside
from trainer.rundir import RunDir

_OURS = ("checkpoints/last.ckpt", "checkpoints/last.json")
"""Of our trainer. A checkpoint of an earlier version has no last.json and cannot be resumed."""


def needed_to_resume(manifest: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return paths and globs in the run directory. None: no run of this program can be resumed.

    `manifest` is the content of run.json. A command names what its program needs.
    """
    if "resume" not in manifest:
        return _OURS
    paths = manifest["resume"]
    if not is_list_of(is_string)(paths) or not all(map(is_inside, paths)):
        return None
    return ("output", *(f"output/{path}" for path in paths))


def has_left(run: RunDir, needed: tuple[str, ...] | None) -> bool:
    """Whether all that is needed is there. Only a start finds out whether it can be read."""
    return needed is not None and all(has_match(run.path, path) for path in needed)
