"""The processes of a run, found from the outside when the runner cannot tell any more.

Without /proc none is found, and what state.json says of a run that holds the lock is believed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from trainer.rundir import RUN_DIR_VARIABLE
from trainer.runner import process

PROC = Path("/proc")


def runner_pid(record: dict[str, Any] | None, run_path: Path) -> int | None:
    """The living runner's pid, from state.json or, where that names none that lives, by its command line.

    Of several the youngest: while a run is launched, the runner's parent is called the same.
    """
    if record is not None and is_runner_alive(record):
        return int(record["runner"]["pid"])
    if record is not None and not can_search():
        return _claimed_pid(record, "runner")
    runners = [candidate for candidate in _all() if _is_runner(candidate, run_path)]
    return max(runners, key=lambda runner: runner.create_time()).pid if runners else None


def can_search() -> bool:
    """Whether processes can be looked at; on Linux that takes /proc, which a container or chroot may lack."""
    return not psutil.LINUX or os.path.exists("/proc/self/stat")


def _all() -> Iterator[psutil.Process]:
    return psutil.process_iter() if can_search() else iter(())


def _claimed_pid(record: dict[str, Any], who: str) -> int | None:
    """The pid of the runner or the trainer as state.json has it."""
    identity = record.get(who)
    pid = identity.get("pid") if isinstance(identity, dict) else None
    return pid if isinstance(pid, int) and pid > 1 else None


def is_runner_alive(record: dict[str, Any]) -> bool:
    """Whether the runner that state.json names still lives: the very process, not another one with its pid."""
    identity = record.get("runner")
    return isinstance(identity, dict) and process.is_alive(identity.get("pid"), identity.get("start_time"))


def living_runs(runs_dir: Path) -> list[str]:
    """Name each run of the folder that has a living process, its runner or one that carries its mark."""
    own_session, folder, found = os.getsid(0), os.path.realpath(runs_dir), set[str]()
    for candidate in _all():
        try:
            if os.getsid(candidate.pid) != own_session and candidate.status() != psutil.STATUS_ZOMBIE:
                arguments = command_line(candidate)
                run_path = arguments[3:4] if "trainer.runner" in arguments else [_mark(candidate)]
                parent, name = os.path.split(os.path.realpath(run_path[0])) if run_path and run_path[0] else ("", "")
                found |= {name} if parent == folder else set()
        except (psutil.Error, OSError):
            continue  # Ended meanwhile, or another user's.
    return sorted(found)


def command_line(candidate: psutil.Process) -> list[str]:
    """A process's arguments; empty when it ended or is not ours to look at."""
    try:
        return list(candidate.cmdline())
    except psutil.Error:
        return []


def run_of_holder(lock_path: Path) -> Path | None:
    """The directory of the run whose processes hold the lock, by what they carry; None when none is found."""
    for candidate in _all():
        try:
            if _holds(candidate, lock_path) and (run_path := candidate.environ().get(RUN_DIR_VARIABLE)):
                return Path(run_path)
        except (psutil.Error, OSError):
            continue
    return None


def find(run_path: Path, lock_path: Path | None) -> Iterator[psutil.Process]:
    """Yield each process that carries the run's mark in its environment or, given `lock_path`, holds the lock.

    The lock's descriptor marks what Python forked; the variable also marks what was executed with every descriptor
    closed. The servers hold the lock for a moment while they launch and must never be hit: what belongs to a run is
    in another session than any of them.
    """
    own_session = os.getsid(0)
    for candidate in _all():
        try:
            if os.getsid(candidate.pid) == own_session:
                continue
            if _carries_mark(candidate, run_path) or (lock_path is not None and _holds(candidate, lock_path)):
                yield candidate
        except (psutil.Error, OSError):
            continue  # Ended meanwhile, or another user's: not ours to end.


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it. Raises psutil.Error when there is no such process."""
    found = [pid]
    for member in found:  # It grows meanwhile.
        try:
            found += _children(member)
        except (OSError, psutil.Error):
            if member == pid:
                raise psutil.NoSuchProcess(pid) from None  # Any other one ended meanwhile.
    return found


def kill_all(run_path: Path, lock_path: Path | None, record: dict[str, Any]) -> list[int]:
    """SIGKILL every process of the run; return the pids that were hit. Ended meanwhile is as good.

    Without /proc the group of the program that state.json names is hit, if the run holds the lock.
    """
    killed = []
    for found in find(run_path, lock_path):
        try:
            found.kill()
            killed.append(found.pid)
        except psutil.Error:
            continue
    if not can_search() and lock_path is not None and (group := _claimed_pid(record, "trainer")) is not None:
        with suppress(OSError):
            os.killpg(group, signal.SIGKILL)
            killed.append(group)
    return killed


def _children(pid: int) -> list[int]:
    """Ask the kernel (proc(5), children) where it tells; psutil goes through all processes of the machine."""
    threads = PROC / str(pid) / "task"
    if not (threads / str(pid) / "children").exists():
        return [child.pid for child in psutil.Process(pid).children()]
    found: list[int] = []
    for thread in os.listdir(threads):
        with suppress(OSError):  # The thread has ended meanwhile; another one has its children then.
            found += map(int, (threads / thread / "children").read_text().split())
    return found


def _is_runner(candidate: psutil.Process, run_path: Path) -> bool:
    arguments = command_line(candidate)
    return "trainer.runner" in arguments and any(_is_same(argument, run_path) for argument in arguments[3:4])


def _carries_mark(candidate: psutil.Process, run_path: Path) -> bool:
    mark = _mark(candidate)
    return mark is not None and _is_same(mark, run_path)


def _mark(candidate: psutil.Process) -> str | None:
    return candidate.environ().get(RUN_DIR_VARIABLE)


def _is_same(path: str, run_path: Path) -> bool:
    """Whether both name the same directory, also one that is gone, or that is reached through another link now."""
    return os.path.realpath(path) == os.path.realpath(run_path)


def _holds(candidate: psutil.Process, lock_path: Path) -> bool:
    """Whether one of the process's descriptors carries the flock (proc(5), fdinfo). To have the file open is not
    enough: another server process that tries to start a run has it open too.
    """
    descriptors = PROC / str(candidate.pid) / "fd"
    if not descriptors.is_dir():
        return False
    lock = lock_path.stat()
    return any(
        os.path.samestat(link.stat(), lock)
        and "FLOCK" in (PROC / str(candidate.pid) / "fdinfo" / link.name).read_text(encoding="ascii")
        for link in descriptors.iterdir()
    )
