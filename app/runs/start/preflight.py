"""Run the check of a dataset (trainer.preflight) in a separate process."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from app.runs import child
from app.runs.start.pool import Pool
from trainer.preflight.finding import Finding, Kind
from trainer.rundir import read_json, utc_now
from trainer.runner.verdict import signal_name

Report = dict[str, Any]

NOT_CHECKED: Kind = "not_checked"
"""The kind of the only finding if nothing could be checked."""
_DONE_EXIT_CODES = (0, 1)
"""1 means that the dataset cannot be trained on, which the report says too."""


@dataclass(frozen=True)
class _Check:
    """A process of trainer.preflight, and the file of its report."""

    process: subprocess.Popen[bytes]
    file: Path

    def poll(self) -> int | None:
        return self.process.poll()

    def report(self) -> Report:
        """Return the findings so far, or the whole report once the process has exited."""
        code = self.process.poll()
        cached = read_json(self.file) or {}
        report = cached.get("report")
        if code is None:
            is_current = isinstance(report, dict) and self._is_current(cached.get("pid"), report.get("status"))
            return cached["report"] if is_current else _checking("the images are still being listed")
        if code in _DONE_EXIT_CODES and isinstance(report, dict) and report.get("status") == "checked":
            return report
        return _failed(self._reason(code))

    def _is_current(self, pid: object, status: object) -> bool:
        """Whether the file holds no report that an earlier check left.

        Another process of the service may have begun the same check. Then this one waits, and shows its progress.
        """
        is_of_other = status == "checking" and isinstance(pid, int) and psutil.pid_exists(pid)
        return pid == self.process.pid or is_of_other

    def _reason(self, code: int) -> str:
        """Say why the process exited before its report was complete."""
        if code < 0:
            return f"the checking process was killed by {signal_name(-code)}"
        with open(self.file.with_suffix(".log"), "rb") as log:
            return child.last_line(log) or f"the checking process exited with code {code}"


class Preflight:
    """Check datasets, two at a time. Caches reports in `folder` until the files change.

    `remember` is the cache of the trainings. They need not read again what the check has read.
    """

    def __init__(self, folder: Path, remember: Path) -> None:
        self._folder = folder
        self._remember = remember
        self._checks: dict[str, _Check] = {}
        self._mutex = threading.Lock()
        self._pool = Pool("datasets are being checked", size=2, max_waiting=16)

    def check(self, dataset: Path | Mapping[str, Path], wait_s: float, is_urgent: bool = False) -> Report:
        """Return the report on a dataset's folder, or on the folders of its splits.

        After `wait_s` seconds the report is partial, with the status "checking", and the check continues. The status is
        "failed" if the check itself failed. Problems of the images never raise. The check waits while others run, and
        an urgent one is next. Raises Busy if too many wait and this one is not urgent.
        """
        try:
            deadline = time.monotonic() + wait_s
            check = self._begin(dataset, wait_s, is_urgent)
            if check is None:
                return _checking("other datasets are checked first")
            with suppress(subprocess.TimeoutExpired):
                check.process.wait(max(0.0, deadline - time.monotonic()))
            return check.report()
        except OSError as error:
            return _failed(str(error))

    def _begin(self, dataset: Path | Mapping[str, Path], wait_s: float, is_urgent: bool) -> _Check | None:
        """Join the running check of these folders, or start one, which uses a cached report if there is one.

        Return None if its turn does not come within `wait_s` seconds.
        """
        if isinstance(dataset, Path):
            options = [str(dataset.absolute())]
        else:
            options = [
                part for split, path in dataset.items() for part in (f"--{split}-data-dir", str(path.absolute()))
            ]
        key = hashlib.blake2b(os.fsencode("\0".join(options)), digest_size=16).hexdigest()
        return self._running(key) or self._pool.start(lambda: self._join_or_start(key, options), wait_s, is_urgent)

    def _running(self, key: str) -> _Check | None:
        with self._mutex:
            # poll() reaps processes that have exited.
            self._checks = {name: check for name, check in self._checks.items() if check.poll() is None}
            return self._checks.get(key)

    def _join_or_start(self, key: str, options: list[str]) -> _Check:
        """Called when it is our turn. Another caller may have started the same check meanwhile."""
        check = self._running(key) or self._start(self._folder / f"{key}.json", options)
        with self._mutex:
            self._checks[key] = check
        return check

    def _start(self, file: Path, options: list[str]) -> _Check:
        self._folder.mkdir(parents=True, exist_ok=True)
        options = ["--cache", str(file), "--remember", str(self._remember), *options]
        with open(file.with_suffix(".log"), "wb") as log:
            process = child.spawn("trainer.preflight", *options, stdout=log, stderr=log)
        threading.Thread(target=process.wait, daemon=True).start()  # Else a check that is not asked for stays a zombie.
        return _Check(process, file)


def _checking(why: str) -> Report:
    return _empty("checking") | {"warnings": [_finding(f"no image is checked yet: {why}")]}


def _failed(reason: str) -> Report:
    return _empty("failed") | {"errors": [_finding(f"the images could not be checked: {reason}")]}


def _finding(message: str) -> dict[str, Any]:
    return Finding(NOT_CHECKED, message).as_json(None)


def _empty(status: str) -> Report:
    """Make a report without findings."""
    return {
        "status": status,
        "done": 0,
        "total": 0,
        "num_decoded": 0,
        "checked_at": utc_now(),
        "splits": {},
        "sizes": [],
        "num_sizes": 0,
        "channels": {},
        "value_range": None,
        "errors": [],
        "warnings": [],
    }
