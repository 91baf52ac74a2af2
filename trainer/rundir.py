"""The run directory: the names of its files, and how to read and write them.

A run is a directory, and its files are the truth. Each file has one writer (see docs/architecture.md), so a reader
needs no lock: it finds the old content or the new one, never a mixture. Standard library only: the runner imports it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from trainer.runfile import MAX_JSON_BYTES, RunFile

MAX_BYTES = {
    "run.json": 512 * 1024,
    "state.json": 64 * 1024,
    "stop.json": 64 * 1024,
    "queued.json": 64 * 1024,
    "notes.json": 256 * 1024,
    "executor.json": 64 * 1024,
    "result.json": 64 * 1024,
    "progress.json": 16 * 1024,
}
"""run.json has 400 KB with the longest overrides that a start accepts. The others have some kilobytes."""

RUN_DIR_VARIABLE = "TRAINER_RUN_DIR"
"""The environment variable that every process of a run inherits. It identifies stray processes too."""

GPUS_VARIABLE = "CUDA_VISIBLE_DEVICES"
"""The environment variable that holds the GPUs that a run sees."""

OUTPUT_DIR_VARIABLE = "TRAINER_OUTPUT_DIR"
"""The environment variable that holds `{output_dir}` for the program of a `command` experiment."""


def _at(*names: str) -> cached_property[Path]:
    return cached_property(lambda run: run.path.joinpath(*names))


@dataclass(frozen=True)
class RunDir:
    """The files of one run. `path` need not exist."""

    path: Path
    link_roots: tuple[Path, ...] = ()
    """Folders outside of the run that its links may lead to."""

    @cached_property
    def run_id(self) -> str:
        return self.path.name

    run = _at("run.json")
    """Written once by the service before the launch: the request and the program to launch."""
    config = _at("config.yaml")
    """Written once by the service: the experiment with every default and override applied."""
    preflight = _at("preflight.json")
    """Written once by the service before the launch: the report on the images, if any."""
    queued = _at("queued.json")
    """Written by the service before the directory gets its name, and removed after the launch."""
    executor = _at("executor.json")
    """Written by the service after the launch: which executor has the run, its node and GPUs."""
    notes = _at("notes.json")
    """Written by the service when the title, the note or the tags change."""
    stop = _at("stop.json")
    """Written by the service before any signal: who asked, when, the mode and the grace period."""
    state = _at("state.json")
    """Written by the runner only. The runner that creates it owns the run: no other can launch it."""
    executor_log = _at("executor.log")
    """What a cluster and the runner print before there is a train.log, or instead of it."""
    heartbeat = _at("heartbeat")
    """Touched by the runner while it lives, unless it runs on the service's machine."""
    log = _at("train.log")
    """The raw stdout and stderr of the training program."""
    usage = _at("usage.csv")
    """Written by the service: what the run's processes and GPUs use. See app/runs/usage."""
    notified = _at("notified.json")
    """Written by the service after the end: the addresses notified, and the results."""
    metrics = _at("csv", "version_0", "metrics.csv")
    """Of our own trainer. Other programs write elsewhere: see app/runs/collect."""
    progress = _at("progress.json")
    """Of our own trainer, written at most five times a second. See `find_progress`."""
    output = _at("output")
    """The folder of the program of a `command`. We neither write to it nor trust its files."""
    output_progress = _at("output", "progress.json")
    """Of the program of a `command`, which may write it."""
    checkpoints = _at("checkpoints")
    last_checkpoint = _at("checkpoints", "last.ckpt")
    last_state = _at("checkpoints", "last.json")
    """Written by the trainer before last.ckpt: its state, readable without torch."""
    card = _at("classification_model.json")
    """The model card, written once the ONNX file is verified."""
    unreadable_images = _at("unreadable_images.txt")
    """A line for each unreadable image. Absent if there is none."""
    report = _at("report.json")
    """Written after the test: the quality of the model on the test images."""
    report_text = _at("report.md")
    """The same as report.json for people, with pictures."""
    report_pictures = _at("report")
    """The folder of the pictures that report.json and report.md name."""
    result = _at("result.json")
    """Written last by the trainer: the proof of completion."""

    @property
    def program_dir(self) -> Path:
        """The folder of the program's metrics and progress: output/ for a `command`, else the run directory itself.

        The service makes output/ before it writes run.json. In a directory without run.json, a folder called output
        has no meaning.
        """
        return self.output if self._has_output else self.path

    def file(self, path: Path | str) -> RunFile:
        """Return a file of the run for reading. `path` is absolute or relative to the run directory."""
        if not isinstance(path, Path) or not path.is_absolute():
            path = self.path / path
        return RunFile(path, self.path, self.link_roots)

    def read_json(self, path: Path) -> dict[str, Any] | None:
        """Read a file of the run as RunFile.read_json does. None if it is longer than MAX_BYTES.

        Any program of a run may have written it, and the service reads some files many times a second.
        """
        return self.file(path).read_json(MAX_BYTES.get(path.name, MAX_JSON_BYTES))

    def find_log(self) -> Path:
        """Return the path of the log, which need not exist.

        A directory without run.json is of another program. Its log is train.log too, or else the newest *.log.
        """
        if is_there(self.run) or is_there(self.log):
            return self.log
        return max(_files_ending(self.path, ".log"), default=(0, self.log))[1]

    def find_progress(self) -> Path:
        """Return the path of the program's progress.json, which need not exist."""
        return self.output_progress if self._has_output else self.progress

    @property
    def _has_output(self) -> bool:
        return os.path.isdir(self.output) and is_there(self.run)


def cache_dir(runs_dir: Path) -> Path:
    """Return the folder of decoded images, which all runs of a folder of runs share."""
    return runs_dir.parent / "cache"


def _files_ending(folder: Path, ending: str) -> list[tuple[float, Path]]:
    """List the regular files in a folder, with their times; nothing if we may not look."""
    try:
        with os.scandir(folder) as entries:
            named = [each for each in entries if each.name.endswith(ending) and each.is_file(follow_symlinks=False)]
            return [(each.stat(follow_symlinks=False).st_mtime, Path(each.path)) for each in named]
    except OSError:
        return []


def utc_now() -> str:
    """Return the current time in UTC, ISO 8601 with microseconds."""
    return datetime.now(timezone.utc).isoformat()


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace `path` atomically. A crash leaves the old file or the new one."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Replace `path` atomically."""
    with replacing(path) as file:
        file.write(text.encode())


@contextmanager
def replacing(path: Path, is_flushed: bool = True) -> Iterator[BinaryIO]:
    """Open a new file that replaces `path` at the end of the `with` block. An error removes it.

    Without `is_flushed` the file may be damaged after a power loss. An OSError of the write names `path`.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)  # A crash may have left one.
        with open(temporary, "xb") as file:  # Follows no link.
            yield file
            if is_flushed:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # Python names the file only if it cannot be opened.
        raise


def is_there(path: Path) -> bool:
    """Whether the path exists. False if we may not look, where Path.exists raises, and for an impossible name."""
    try:
        path.stat()
    except (OSError, ValueError):
        return False
    return True


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object. None if the file is missing, unreadable, too long, or not a JSON object.

    The file must not be a link that leads out of its folder. NaN and infinities become null.
    """
    return RunDir(path.parent).read_json(path)


def load_json(path: Path) -> dict[str, Any] | None:
    """As `read_json`, but raise OSError as RunFile.load_json does. For callers that replace the file."""
    return RunFile.alone(path).load_json()
