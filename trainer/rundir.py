"""The run directory: the names of its files, their readers and their atomic writers.

A run is a directory and its files are the truth. Each file has one writer (see docs/architecture.md), so a
reader needs no lock: it finds the old content or the new one, never a mixture. Standard library only, because the
runner imports it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

from trainer.runfile import MAX_JSON_BYTES, RunFile

METRICS_FOLDERS = ("csv/version_*", "csv", "lightning_logs/version_*", "")
"""In which folders below RunDir.program_dir metrics.csv may lie, the likeliest first."""

MAX_BYTES = {
    "run.json": 512 * 1024,
    "state.json": 64 * 1024,
    "stop.json": 64 * 1024,
    "result.json": 64 * 1024,
    "progress.json": 16 * 1024,
}
"""The longest overrides that a start may have make 400 KB of run.json. The others have some kilobytes."""

RUN_DIR_VARIABLE = "TRAINER_RUN_DIR"
"""Environment variable that every process of a run inherits. It identifies even a stray one."""

OUTPUT_DIR_VARIABLE = "TRAINER_OUTPUT_DIR"
"""Environment variable that tells the program of a `command` experiment its folder, the same as `{output_dir}`."""


@dataclass(frozen=True)
class RunDir:
    """The files of one run; `path` need not exist."""

    path: Path
    link_roots: tuple[Path, ...] = ()
    """Folders outside of the run that links inside of it may lead to."""

    @property
    def run_id(self) -> str:
        return self.path.name

    @cached_property
    def run(self) -> Path:
        """run.json, written once by the service before launch: the request and the program to launch."""
        return self.path / "run.json"

    @cached_property
    def config(self) -> Path:
        """config.yaml, written once by the service: the experiment, every default and override applied."""
        return self.path / "config.yaml"

    @cached_property
    def preflight(self) -> Path:
        """preflight.json, written once by the service before launch: the report on the images, if they were checked."""
        return self.path / "preflight.json"

    @cached_property
    def stop(self) -> Path:
        """stop.json, written by the service before any signal: who asked, when, mode, grace."""
        return self.path / "stop.json"

    @cached_property
    def state(self) -> Path:
        """state.json, written by the runner only."""
        return self.path / "state.json"

    @cached_property
    def log(self) -> Path:
        """train.log, the raw stdout and stderr of the training program."""
        return self.path / "train.log"

    @cached_property
    def progress(self) -> Path:
        """progress.json of our own training program, written at most five times a second. See `find_progress`."""
        return self.path / "progress.json"

    @cached_property
    def output(self) -> Path:
        """output/, the folder of a `command` experiment's program. Nothing in it is ours or taken for ours."""
        return self.path / "output"

    @property
    def program_dir(self) -> Path:
        """Where the program writes its metrics and progress: output/ for a `command`, else the run directory itself.

        The service makes output/ before it writes run.json. A directory without run.json is nobody's run, and a folder
        that happens to be called output means nothing there.
        """
        return self.output if os.path.isdir(self.output) and is_there(self.run) else self.path

    @cached_property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @cached_property
    def last_checkpoint(self) -> Path:
        return self.checkpoints / "last.ckpt"

    @cached_property
    def last_state(self) -> Path:
        """checkpoints/last.json, written by the trainer before last.ckpt: what that holds, readable without torch."""
        return self.checkpoints / "last.json"

    @cached_property
    def card(self) -> Path:
        """classification_model.json, written once the ONNX file was verified."""
        return self.path / "classification_model.json"

    @cached_property
    def unreadable_images(self) -> Path:
        """Names each image that cannot be read, one a line, with the reason; absent if all can be read."""
        return self.path / "unreadable_images.txt"

    @cached_property
    def report(self) -> Path:
        """report.json, written after the test: how good the model is on the test images."""
        return self.path / "report.json"

    @cached_property
    def report_text(self) -> Path:
        """report.md: report.json for people to read, with pictures."""
        return self.path / "report.md"

    @cached_property
    def report_pictures(self) -> Path:
        """The folder of the pictures that report.json and report.md name."""
        return self.path / "report"

    @cached_property
    def result(self) -> Path:
        """result.json, written by the trainer last of all: the completion record."""
        return self.path / "result.json"

    def file(self, path: Path | str) -> RunFile:
        """Name a file of the run for reading, by its path inside of the run or as a whole."""
        return RunFile(self.path / path, self.path, self.link_roots)

    def read_json(self, path: Path) -> dict[str, Any] | None:
        """Read one of the run's files as RunFile.read_json does. One that is longer than it ever is counts as corrupt.

        Any program of a run may have written there, and some of the files are read many times a second.
        """
        return self.file(path).read_json(MAX_BYTES.get(path.name, MAX_JSON_BYTES))

    def find_metrics(self) -> RunFile | None:
        """Find the metrics CSV, or None. Of several versions the newest (highest number) counts."""
        root = self.program_dir
        for pattern in METRICS_FOLDERS:
            for folder in _versions(root, pattern):
                file = self.file(root / folder / "metrics.csv")
                if file.exists():
                    return file
        return None

    def find_progress(self) -> Path:
        """Where the program's progress.json lies if it writes one."""
        return self.program_dir / self.progress.name


def cache_dir(runs_dir: Path) -> Path:
    """Return the folder of decoded images, which all runs of a folder of runs share."""
    return runs_dir.parent / "cache"


def _versions(root: Path, pattern: str) -> list[str]:
    """The folders inside of a run that a pattern may mean, the newest first."""
    parent, _, name = pattern.rpartition("/")
    if not name.endswith("*"):
        return [pattern]
    try:
        found = [entry for entry in os.listdir(f"{root}/{parent}") if entry.startswith(name[:-1])]
    except OSError:  # In a directory that we may not look into there is nothing to find.
        return []
    return [f"{parent}/{entry}" for entry in sorted(found, key=_version, reverse=True)]


def _version(folder: str) -> tuple[int, str]:
    number = folder.rpartition("_")[2]
    return (int(number) if number.isdecimal() else -1, folder)


def utc_now() -> str:
    """The present time in UTC, ISO 8601 with microseconds."""
    return datetime.now(timezone.utc).isoformat()


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace `path` by `content` in one step; a crash leaves the old file or the new one."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Replace `path` by `text` in one step, flushed to disk before the replacement."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)  # A crash may have left it.
        with open(temporary, "x", encoding="utf-8") as file:  # Follows no link.
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def is_there(path: Path) -> bool:
    """Whether something is there; False also where we may not look, for which Path.exists raises."""
    try:
        path.stat()
    except OSError:
        return False
    return True


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object, or None where the file is missing, unreadable, too long or anything but an object.

    It must not be a link that leads out of its folder. NaN and infinities are read as null.
    """
    return RunDir(path.parent).read_json(path)
