"""The processes of a run, found from the outside when the runner cannot tell any more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from trainer import process
from trainer.rundir import RUN_DIR_VARIABLE


def runner_pid(record: dict[str, Any] | None, run_path: Path) -> int | None:
    """The living runner's pid, from state.json or, where that names none, by its command line."""
    identity = (record or {}).get("runner")
    if isinstance(identity, dict):
        alive = process.is_alive(identity.get("pid"), identity.get("start_time"))
        return int(identity["pid"]) if alive else None
    for candidate in psutil.process_iter():
        arguments = command_line(candidate)
        if "trainer.runner" in arguments and str(run_path) in arguments:
            return int(candidate.pid)
    return None


def command_line(candidate: psutil.Process) -> list[str]:
    """A process's arguments; empty when it ended or is not ours to look at."""
    try:
        return list(candidate.cmdline())
    except psutil.Error:
        return []


def find(run_path: Path, lock_path: Path | None) -> Iterator[psutil.Process]:
    """Yield each process that carries the run's mark in its environment or, given `lock_path`, holds the lock.

    The lock's descriptor marks what Python forked; the variable also marks what was executed with every descriptor
    closed. The servers hold the lock for a moment while they launch and must never be hit: what belongs to a run is
    in another session than any of them.
    """
    own_session = os.getsid(0)
    for candidate in psutil.process_iter():
        try:
            if os.getsid(candidate.pid) == own_session:
                continue
            if _carries_mark(candidate, run_path) or (lock_path is not None and _holds(candidate, lock_path)):
                yield candidate
        except (psutil.Error, OSError):
            continue  # Ended meanwhile, or another user's: not ours to end.


def kill_all(run_path: Path, lock_path: Path | None) -> list[int]:
    """SIGKILL every process of the run; return the pids that were hit. Ended meanwhile is as good."""
    killed = []
    for found in find(run_path, lock_path):
        try:
            found.kill()
            killed.append(found.pid)
        except psutil.Error:
            continue
    return killed


def _carries_mark(candidate: psutil.Process, run_path: Path) -> bool:
    return candidate.environ().get(RUN_DIR_VARIABLE) == str(run_path)


def _holds(candidate: psutil.Process, lock_path: Path) -> bool:
    """Whether one of the process's descriptors carries the flock (proc(5), fdinfo). To have the file open is not
    enough: another server process that tries to start a run has it open too.
    """
    descriptors = Path(f"/proc/{candidate.pid}/fd")
    if not descriptors.is_dir():
        return False
    for link in descriptors.iterdir():
        if os.readlink(link) == str(lock_path):
            return "FLOCK" in Path(f"/proc/{candidate.pid}/fdinfo/{link.name}").read_text(encoding="ascii")
    return False
