"""Find and kill the processes of a run when its runner is gone.

Without /proc it finds no processes, and relies on the state.json of a run that holds a slot.
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


def runner_pid(record: dict[str, Any], run_path: Path) -> int | None:
    """Return the pid of the living runner, from state.json or else by its command line.

    The youngest match counts, because during a launch the runner's parent has the same command line.
    """
    if is_runner_alive(record, run_path):
        return int(record["runner"]["pid"])
    if not process.can_search():
        return _claimed_pid(record, "runner")
    runners = [candidate for candidate in _all() if _is_runner(candidate, run_path)]
    return max(runners, key=lambda runner: runner.create_time()).pid if runners else None


def _all() -> Iterator[psutil.Process]:
    return psutil.process_iter() if process.can_search() else iter(())


def _claimed_pid(record: dict[str, Any], who: str) -> int | None:
    """Return the pid of the runner or the trainer in state.json."""
    identity = record.get(who)
    pid = identity.get("pid") if isinstance(identity, dict) else None
    return pid if isinstance(pid, int) and pid > 1 else None


def is_runner_alive(record: dict[str, Any], run_path: Path) -> bool:
    """Whether the runner in state.json is alive. Another process with its pid does not count.

    Neither does the runner of another directory: a backup of an active run copies its state.json.
    """
    identity = record.get("runner")
    if not isinstance(identity, dict) or not process.is_alive(identity.get("pid"), identity.get("start_time")):
        return False
    return not _is_copy_of_another(run_path, identity["pid"])


def _is_copy_of_another(run_path: Path, runner: int) -> bool:
    """Whether the runner works in another existing directory. The old name of a moved directory does not exist."""
    try:
        [named] = command_line(psutil.Process(runner))[3:4]
        return not os.path.samefile(named, run_path)
    except (ValueError, OSError, psutil.Error):
        return False


def living_runs(runs_dir: Path) -> list[str]:
    """List the runs of the folder that have a living process: a runner, or a process with the run's mark."""
    own_session, folder, found = os.getsid(0), os.path.realpath(runs_dir), set[str]()
    for candidate in _all():
        try:
            if os.getsid(candidate.pid) != own_session and candidate.status() != psutil.STATUS_ZOMBIE:
                arguments = command_line(candidate)
                run_path = arguments[3:4] if "trainer.runner" in arguments else [_mark(candidate)]
                parent, name = os.path.split(os.path.realpath(run_path[0])) if run_path and run_path[0] else ("", "")
                found |= {name} if parent == folder else set()
        except (psutil.Error, OSError):
            continue  # It has exited, or it is another user's.
    return sorted(found)


def command_line(candidate: psutil.Process) -> list[str]:
    """Return the arguments of a process. Empty if it has exited or we may not inspect it."""
    try:
        return list(candidate.cmdline())
    except psutil.Error:
        return []


def run_of_holder(lock_path: Path) -> Path | None:
    """Return the directory of the run whose processes hold the slot, from their mark. None: no such process."""
    for candidate in _all():
        try:
            if _holds(candidate, lock_path) and (run_path := candidate.environ().get(RUN_DIR_VARIABLE)):
                return Path(run_path)
        except (psutil.Error, OSError):
            continue
    return None


def find(run_path: Path, lock_path: Path | None) -> Iterator[psutil.Process]:
    """Yield each process that has the run's mark in its environment or, with `lock_path`, holds the slot.

    A forked process holds the slot's descriptor. A process that was executed with all descriptors closed still has the
    mark. A server, which holds a slot briefly during a launch, is never found, because runs have other sessions.
    """
    own_session = os.getsid(0)
    for candidate in _all():
        try:
            if os.getsid(candidate.pid) == own_session:
                continue
            if _carries_mark(candidate, run_path) or (lock_path is not None and _holds(candidate, lock_path)):
                yield candidate
        except (psutil.Error, OSError):
            continue  # It has exited, or it is another user's, which we may not kill.


def family(pid: int, proc: Path = Path("/proc")) -> list[int]:
    """Return the pids of a process and its descendants. Raises psutil.Error if the process does not exist."""
    found = [pid]
    for member in found:  # The list grows during the loop.
        try:
            found += _children(member, proc)
        except (OSError, psutil.Error):
            if member == pid:
                raise psutil.NoSuchProcess(pid) from None  # A descendant has exited, which is fine.
    return found


def kill_all(run_path: Path, lock_path: Path | None, record: dict[str, Any]) -> list[int]:
    """Kill every process of the run, and return the pids of those that were alive.

    Without /proc, kill the process group of the program in state.json, if the run holds a slot.
    """
    killed = []
    for found in find(run_path, lock_path):
        try:
            found.kill()
            killed.append(found.pid)
        except psutil.Error:
            continue
    if not process.can_search() and lock_path is not None and (group := _claimed_pid(record, "trainer")) is not None:
        with suppress(OSError):
            os.killpg(group, signal.SIGKILL)
            killed.append(group)
    return killed


def _children(pid: int, proc: Path) -> list[int]:
    """Read the children from /proc if the kernel lists them. psutil would visit every process of the machine."""
    threads = proc / str(pid) / "task"
    if not (threads / str(pid) / "children").exists():
        return [child.pid for child in psutil.Process(pid).children()]
    found: list[int] = []
    for thread in os.listdir(threads):
        with suppress(OSError):  # The thread has exited, and another one has its children.
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
    """Whether both paths lead to the same directory, which need not exist any more."""
    return os.path.realpath(path) == os.path.realpath(run_path)


def _holds(candidate: psutil.Process, lock_path: Path) -> bool:
    """Whether a descriptor of the process holds the flock (proc(5), fdinfo).

    Having the file open is not enough: a server process opens it too when it tries to start a run.
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
