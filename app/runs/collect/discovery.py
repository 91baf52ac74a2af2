"""Find the metrics files that the program of a run writes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from app.runs.globs import Match, find_matches, is_pattern
from app.runs.store.run import Run
from trainer.runfile import RunFile

USUAL_FILES = (
    "csv/version_[0-9]*/metrics.csv",
    "csv/metrics.csv",
    "lightning_logs/version_[0-9]*/metrics.csv",
    "metrics.csv",
    "results.csv",
    "history.csv",
    "summary.csv",
    "progress.csv",
    "log.csv",
    "metrics.jsonl",
    "metrics.json",
    "vis_data/scalars.json",
    "trainer_state.json",
    "checkpoint-[0-9]*/trainer_state.json",
)
"""Where well-known programs write metrics below their own folder, the preferred place first."""
USUAL_FILES_INSIDE = tuple(f"*/{file}" for file in USUAL_FILES)
MAX_FILES = 100

_VERSION = re.compile(r"version_\d+", re.ASCII)
_CHECKPOINT = re.compile(r"checkpoint-\d+", re.ASCII)
_NUMBER = re.compile(r"(\d+)", re.ASCII)


class Found(NamedTuple):
    """The metrics files of a run by name, and messages for people about the declaration.

    The name does not change when a newer version or checkpoint of the file appears.
    """

    files: dict[str, RunFile]
    problems: list[str]


def find_files(run: Run) -> Found:
    """Find all declared files, or else the first file in the usual places.

    The usual places are in the program's folder or, if it has none of them, in the folders inside it. Of several
    numbered folders, the highest number counts. Our own trainer writes one file.
    """
    if run.is_of_our_trainer:
        file = run.directory.file(run.directory.metrics)
        return Found({file.name: file} if file.exists() else {}, [])
    folder = run.directory.program_dir
    if run.outputs.metrics.files:
        return _find_declared(run, folder, run.outputs.metrics.files)
    searches = (find_matches(run.directory, folder, globs) for globs in (USUAL_FILES, USUAL_FILES_INSIDE))
    matches = next(filter(None, searches), [])
    best = max(matches, key=lambda match: (-match.glob, _natural(_path(folder, match))), default=None)
    return Found({} if best is None else {_name(_path(folder, best)): best.file}, [])


def _find_declared(run: Run, folder: Path, declared: Sequence[str]) -> Found:
    matches = find_matches(run.directory, folder, declared)
    files = _newest(folder, matches)
    missing = [file for index, file in enumerate(declared) if index not in {match.glob for match in matches}]
    missing = [file for file in missing if not matches or not is_pattern(file)]
    problems = []
    if missing:
        problems.append(f"No file matches {', '.join(missing)} in output/{' yet' if run.is_active else ''}")
    if len(files) > MAX_FILES:
        problems.append(f"Only the first {MAX_FILES} of {len(files):,} files are read")
    return Found(dict(islice(files.items(), MAX_FILES)), problems)


def _newest(folder: Path, matches: Sequence[Match]) -> dict[str, RunFile]:
    """Keep the newest of the files that replace each other."""
    found: dict[str, Match] = {}
    for match in sorted(matches, key=lambda match: _age(_path(folder, match))):
        name = _name(_path(folder, match))
        found.pop(name, None)
        found[name] = match
    newest = sorted(found.items(), key=lambda item: (item[1].glob, item[0]))
    return {name: match.file for name, match in newest}


def _path(folder: Path, match: Match) -> PurePosixPath:
    return PurePosixPath(*match.file.path.parts[len(folder.parts) :])


def _name(path: PurePosixPath) -> str:
    """Name the series of files that a path belongs to. A file in a checkpoint belongs with the one beside it."""
    parts = [_VERSION.sub("version_*", part) for part in path.parts if not _CHECKPOINT.fullmatch(part)]
    return "/".join(parts)


def _age(path: PurePosixPath) -> tuple[bool, list[list[str | int]]]:
    """Return a sort key: older files first, by the numbers in their paths. The file beside checkpoints is newest."""
    return not any(_CHECKPOINT.fullmatch(part) for part in path.parts), _natural(path)


def _natural(path: PurePosixPath) -> list[list[str | int]]:
    """Return a sort key that compares numbers by value: version_10 after version_9."""
    return [[int(text) if place % 2 else text for place, text in enumerate(_NUMBER.split(part))] for part in path.parts]
