"""List and find the files of a run for download."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from app.runs.exceptions import FileNotInRun
from app.runs.names import is_addressable
from trainer.rundir import RunDir
from trainer.runfile import RunFile

MAX_ARTIFACTS = 10_000


def list_artifacts(run: RunDir) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the first MAX_ARTIFACTS regular files of a run by their paths inside, in order.

    It leaves out temporary files, names that no address can hold, and links to files that are listed anyway.
    """
    return islice(_list(run, run.path), MAX_ARTIFACTS)


def find_artifact(run: RunDir, name: str) -> RunFile:
    """Find a file of a run by its path inside. Raises FileNotInRun, also for any path that leads out of the run."""
    file = run.file(name)
    if not file.exists():
        raise FileNotInRun(f"Run {run.run_id} has no artifact {name!r}.")
    return file


def _list(run: RunDir, top: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the files below a folder of the run. It follows links to folders, but no further links inside those."""
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(filter(is_addressable, folders))
        linked = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in sorted(filter(is_addressable, names)):
            file = run.file(Path(folder, name))
            if not name.startswith(".") and not (os.path.islink(file.path) and _leads_inside(run, file.path)):
                yield from _describe(run, file)
        for name in linked if top == run.path else ():
            path = Path(folder, name)
            if not _leads_inside(run, path):
                yield from _list(run, path)


def _describe(run: RunDir, file: RunFile) -> Iterator[tuple[str, os.stat_result]]:
    try:
        yield file.path.relative_to(run.path).as_posix(), file.status()
    except OSError:  # It is not a file of the run, or it is gone.
        return


def _leads_inside(run: RunDir, path: Path) -> bool:
    try:
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(run.path))
    except OSError:  # The link cannot be followed (/proc/1/cwd), so there is nothing to list.
        return True
