"""The processes of a run, found through the operating system."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tests.servers import LiveServer
from tests.waiting import wait_until
from trainer.rundir import RUN_DIR_VARIABLE, read_json


def record_of(server: LiveServer, run_id: str) -> dict[str, Any]:
    """Return the contents of state.json once the runner has written which process is the program."""
    path = server.runs_dir / run_id / "state.json"
    wait_until(lambda: (read_json(path) or {}).get("pid"), 10)
    return read_json(path) or {}


def runner_of(server: LiveServer, run_id: str) -> psutil.Process:
    return psutil.Process(record_of(server, run_id)["runner"]["pid"])


def program_of(server: LiveServer, run_id: str) -> psutil.Process:
    return psutil.Process(record_of(server, run_id)["pid"])


def is_gone(process: psutil.Process) -> bool:
    """Return whether a process has exited. A zombie that its parent has not reaped yet counts as exited."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def of_run(run_path: Path) -> list[psutil.Process]:
    """Return the run's runner and every process whose environment names the run directory."""
    found = []
    for process in psutil.process_iter():
        try:
            is_runner = "trainer.runner" in process.cmdline() and str(run_path) in process.cmdline()
            is_marked = process.environ().get(RUN_DIR_VARIABLE) == str(run_path)
            if (is_runner or is_marked) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_until_none_left(server: LiveServer, run_id: str, timeout_s: float) -> None:
    wait_until(lambda: not of_run(server.runs_dir / run_id), timeout_s, lambda: of_run(server.runs_dir / run_id))


def start_and_wait(server: LiveServer, *argv: str, more: str = "") -> str:
    """Start a test program that prints `ready`, and return its run once it has."""
    run_id = server.start_run(server.write_command("c", *argv, more=more))
    wait_for_log(server, run_id, "ready")
    return run_id


def wait_for_log(server: LiveServer, run_id: str, text: str, timeout_s: float = 20) -> None:
    """Return once the log contains `text`."""
    log = server.runs_dir / run_id / "train.log"
    wait_until(lambda: log.exists() and text.encode() in log.read_bytes(), timeout_s)


def open_gates(run_path: Path, until: str) -> None:
    """Let write_metrics.py with `--gates` write up to row `until` and wait there."""
    (run_path / "output" / ".go").write_text(until)
    (run_path / "output" / ".go").replace(run_path / "output" / "go")


def kill_at_once(*pids: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # It has ended with another one: a program ends with its runner.
            os.kill(pid, signal.SIGKILL)
