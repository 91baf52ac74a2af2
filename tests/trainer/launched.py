"""A runner without a server, launched as the service launches it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.servers import ROOT
from tests.waiting import wait_until
from trainer.rundir import RunDir, read_json, write_json

PROGRAMS = ROOT / "tests" / "programs"


class Launched:
    """A run directory and a runner, which the test launches with the lock held, as the service does."""

    def __init__(self, folder: Path, *argv: str, **program: Any) -> None:
        folder.mkdir()
        self.run = RunDir(folder)
        self.lock = folder.parent / "active.lock"
        launched_from = {"argv": list(argv), "cwd": str(folder), "env": {}, "needs_result": False}
        launched_from |= {"stop": {"signal": "SIGTERM", "grace_s": 30}, **program}
        write_json(self.run.run, {"program": launched_from})

    def launch(self, wrapper: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            return subprocess.run(
                [*wrapper, sys.executable, "-m", "trainer.runner", str(self.run.path), str(descriptor)],
                cwd=ROOT,
                pass_fds=(descriptor,),
                start_new_session=True,
                capture_output=True,
                text=True,
                timeout=30,
            )
        finally:
            os.close(descriptor)

    @contextmanager
    def as_job(self, wrapper: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
        """Launch the runner in the foreground, as a cluster does, and return when its program has begun."""
        argv = [*wrapper, sys.executable, "-m", "trainer.runner", str(self.run.path)]
        with subprocess.Popen(argv, cwd=ROOT, start_new_session=True, stderr=subprocess.PIPE, text=True) as job:
            try:
                wait_until(lambda: self.state.get("state") == "running", 20, lambda: self.state)
                self.wait_for_log("ready")
                yield job
            finally:
                job.kill()

    @property
    def state(self) -> dict[str, Any]:
        return read_json(self.run.state) or {}

    @property
    def runner(self) -> psutil.Process:
        return psutil.Process(self.state["runner"]["pid"])

    @property
    def is_locked(self) -> bool:
        with open(self.lock) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    def stop(self, grace_s: float = 20) -> dict[str, Any]:
        """Stop the run as the service does, and return its final state."""
        write_json(self.run.stop, {"mode": "save", "grace_s": grace_s})
        self.runner.terminate()
        return self.wait_for_end()

    def wait_for_end(self) -> dict[str, Any]:
        wait_until(lambda: not self.is_locked, 40, lambda: self.state)
        return self.state

    def wait_for_log(self, text: str) -> None:
        wait_until(lambda: self.run.log.exists() and text in self.run.log.read_text(), 20)


def program(name: str, *argv: str) -> list[str]:
    return [sys.executable, str(PROGRAMS / name), *argv]
