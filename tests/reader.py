"""A reader of the documentation, who runs each code block in a terminal with their own port and run id."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.servers import ROOT, free_port
from tests.waiting import wait_until

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

NOT_RUN = {
    "make test": "runs all tests, this one included",
    "make quick": "runs many tests",
    ".venv/bin/python -m pytest": "runs tests",
    "node --test": "runs tests",
    "make demo": "has started the service that all other blocks use",
    "python3 -m venv": "replaces the environment that runs this test",
    ".venv/bin/pip install": "downloads packages",
    "docker": "needs Docker",
    "scontrol": "needs a job in SLURM",
    "training notify": "sends messages to addresses that do not exist",
}
"""Prefixes of commands that readers run but this test does not, each with the reason."""

DURING_A_RUN = ("/training/stop", "/training/status", "/training/metrics/latest", "/log?")
"""Substrings of commands that a reader may run during a run. Before any other command, the reader waits for its end."""

DISCARDS = '"mode": "discard"'
"""Part of a command that a reader may run as soon as a run is active."""


ENDING_WITH_THE_TESTS = ["sh", "-c", 'exec 3<&0; { read _; kill -KILL 0; } <&3 & exec "$@" </dev/null 3<&-', "sh"]
"""A command prefix. It kills the process group when its stdin, a pipe from the tests, closes, even by kill -9."""


@dataclass(frozen=True)
class Block:
    """A code block in a document."""

    page: str
    line: int
    language: str
    text: str

    @property
    def is_run(self) -> bool:
        commands = [line for line in self.text.splitlines() if line and not line.startswith(("#", " "))]
        skipped = [line for line in commands if line.startswith(tuple(NOT_RUN))]
        assert skipped in ([], commands), f"{self}: put commands that this test does not run into a separate block"
        return not skipped

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: str) -> Iterator[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        yield Block(page, text.count("\n", 0, match.start()) + 1, match[1], match[2])


class Reader:
    """A person with a fresh checkout in `home` who has run `make demo` and opened a second terminal."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.demo_log = home.with_name("demo.log")
        check_out(home)
        _write_shims(home.with_name("shims"))
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("TRAINING_")}
        self.environment |= {
            "PATH": f"{home.with_name('shims')}:{os.environ['PATH']}",
            "TRAINING_PORT": str(self.port),
            "TRAINING_API_TOKEN": "",
        }
        self._demo: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run `make demo` and return once its training has finished. Call `end` even if this fails."""
        with open(self.demo_log, "wb") as log:
            self._demo = subprocess.Popen(
                [
                    *ENDING_WITH_THE_TESTS,
                    "env",
                    "--default-signal=INT",
                    "make",
                    "demo",
                ],  # A background job ignores Ctrl-C.
                cwd=self.home,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._is_demo_over, 240, self.demo_log.read_text)

    def _is_demo_over(self) -> bool:
        assert self._demo is not None
        assert self._demo.poll() is None, self.demo_log.read_text()
        return "The service keeps running" in self.demo_log.read_text()

    def shorten_trainings(self) -> None:
        """Keep one of ten images of the demo's dataset, so that the trainings in the documents are short."""
        for number, image in enumerate(sorted((self.home / "data" / "digits").rglob("*.png"))):
            if number % 10:
                image.unlink()

    def follow(self, block: Block) -> None:
        """Run a block verbatim except for the port and the run id. Fail if the block fails."""
        self._wait_for_the_right_moment(block.text)
        text = block.text.replace("localhost:8000", f"localhost:{self.port}").replace("RUN_ID", self._run_id())
        shell = ["bash", "-euo", "pipefail"] if block.language == "sh" else [sys.executable, "-"]
        completed = subprocess.run(
            shell, cwd=self.home, env=self.environment, input=text, capture_output=True, text=True, timeout=120
        )
        assert completed.returncode == 0, (
            f"{block} exits with {completed.returncode}:\n{text}\n{completed.stdout}\n{completed.stderr}"
        )

    def _run_id(self) -> str:
        """Return the id of the latest run with metrics, which the documents call RUN_ID."""
        runs = requests.get(f"{self.url}/training/metrics/runs", timeout=30).json()
        return str(next(run["run_id"] for run in runs if run["has_metrics"]))

    def _wait_for_the_right_moment(self, text: str) -> None:
        if "/training/start" in text or "training start" in text:
            self.stop()
        elif "localhost:8000" in text and DISCARDS not in text:
            is_during = any(part in text for part in DURING_A_RUN)
            wait_until(lambda: self._is_over() or (is_during and self._has_an_epoch()), 120, self.status)

    def _is_over(self) -> bool:
        return not self.status()["running"]

    def _has_an_epoch(self) -> bool:
        progress = self.status()["progress"]
        return progress is not None and progress["epoch"] > 0

    def status(self) -> dict[str, Any]:
        return dict(requests.get(f"{self.url}/training/status", timeout=30).json())

    def stop(self) -> None:
        """Stop the active run, if any."""
        requests.post(f"{self.url}/training/stop", json={"mode": "discard"}, timeout=60)

    def end(self) -> None:
        """Stop the active run and interrupt the demo with Ctrl-C, even before it is ready."""
        if self._demo is None:
            return
        with suppress(requests.ConnectionError):
            self.stop()
        os.killpg(self._demo.pid, signal.SIGINT)
        try:
            self._demo.wait(30)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self._demo.pid, signal.SIGKILL)
            self._demo.communicate()


def check_out(home: Path) -> None:
    """Copy the project to `home`, like a fresh clone with its packages installed."""
    home.mkdir()
    for name in ("app", "trainer", "docs", "configs", "templates", "static", "tests"):
        shutil.copytree(ROOT / name, home / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.glob("*.*"):
        if path.is_file():
            shutil.copy2(path, home)
    shutil.copy2(ROOT / "Makefile", home)
    (home / ".venv").symlink_to(sys.prefix)


def _write_shims(folder: Path) -> None:
    """Make curl fail on HTTP errors, and make `make` and the shell treat the packages as installed."""
    shims = {
        "curl": f'exec {shutil.which("curl")} --fail-with-body --silent --show-error "$@"',
        "training": f'exec {sys.executable} -m app.cli "$@"',
        "make": f'exec {shutil.which("make")} -o .venv/installed -o .venv/installed-dev "$@"',
    }
    folder.mkdir()
    for name, line in shims.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
