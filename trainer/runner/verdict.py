"""How a run ended, told from what its process left behind. Standard library only."""

from __future__ import annotations

import errno
import math
import os
import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.rundir import RunDir
from trainer.runfile import RunFile

COMPLETED, STOPPED, FAILED, INTERRUPTED = "completed", "stopped", "failed", "interrupted"
VERDICTS = frozenset({COMPLETED, STOPPED, FAILED, INTERRUPTED})

NO_SPACE = "no space left on device"
MEMORY_ADVICE = ": lower data.num_workers or data.batch_size, or give the machine more memory"
MAX_REASON_CHARS = 500
_LOG_TAIL_BYTES = 64 * 1024
_FULL_DISK = re.compile(r"(?:No space left on device|Disk quota exceeded)(?:: '(.+)')?")
_EXCEPTION_LINE = re.compile(r"^([A-Za-z_][\w.]*)(?:: (.*))?$")


@dataclass(frozen=True)
class Ending:
    """What the runner saw of the end. `exit_code` is negative for a signal, as in subprocess."""

    exit_code: int
    was_terminated: bool = False
    """The runner itself got SIGTERM although nobody had asked for a stop."""
    was_killed_after_grace_s: float | None = None
    """The program, or what it started, was still there after the grace of a stop."""
    is_out_of_memory: bool = False
    stop_signal: int = signal.SIGTERM
    """What a stop sends to the program."""
    did_another_exit_well: bool = False
    """A process that the program had started got the stop signal and exited with 0."""


def judge(run: RunDir, ending: Ending, stop: dict[str, Any] | None, needs_result: bool) -> tuple[str, str | None]:
    """Decide the final state and its reason, which is None where there is nothing to explain.

    `needs_result`: a result.json, and nothing else, makes the run completed. It is written last of all, so a crash
    while the interpreter shuts down takes nothing away; and an exit code of 0 proves nothing, because Lightning ends
    with 0 on SIGTERM too. A `command` experiment's program knows no result.json: there 0 counts, unless it was asked
    to stop.
    """
    was_asked = stop is not None or ending.was_terminated
    if run.result.exists() if needs_result else ending.exit_code == 0 and not was_asked:
        return COMPLETED, None
    if stop is not None:
        return STOPPED, _stop_reason(run, ending, needs_result)
    if ending.was_terminated:
        return INTERRUPTED, "terminated from outside (SIGTERM), as a shutdown of the machine does"
    if ending.exit_code == 0:
        return FAILED, "exit code 0, but no result.json: the training program ended before its work was done"
    return FAILED, reason_of_failure(run, ending, needs_result)


def _stop_reason(run: RunDir, ending: Ending, is_ours: bool) -> str | None:
    """Say by what a stopped run ended; None when its program, or what that started, ended by itself as asked.

    128 + the signal's number is what shells and our own trainer exit with after a signal.
    """
    if ending.was_killed_after_grace_s is not None:
        what = "" if ending.exit_code == -signal.SIGKILL else "what the program started "
        return f"{what}did not end within {ending.was_killed_after_grace_s:g} s of the stop request and was killed"
    if ending.exit_code in (0, 128 + ending.stop_signal):
        return None
    if ending.exit_code == -ending.stop_signal:
        return None if ending.did_another_exit_well else f"ended by {signal_name(ending.stop_signal)}"
    return reason_of_failure(run, ending, is_ours)


def reason_of_failure(run: RunDir, ending: Ending, is_ours: bool) -> str:
    """Say in one line a person can act on why the program failed; `is_ours`: it was our own training program."""
    if ending.exit_code < 0:
        name = signal_name(-ending.exit_code)
        if not ending.is_out_of_memory:
            return f"killed by {name}"
        return f"killed by {name} (out of memory)" + (MEMORY_ADVICE if is_ours else "")
    told = reason_in_log(log_tail(run.log), ending.exit_code)
    if told is not None:
        full = _FULL_DISK.search(told)
        return (_no_space(full[1], run) if full else told)[:MAX_REASON_CHARS]
    return f"{NO_SPACE}: {run.path}" if is_disk_full(run.path) else f"exit code {ending.exit_code}"


def _no_space(file: str | None, run: RunDir) -> str:
    """Name the file that the program has named, else the full one of the folders that programs use."""
    if file is not None:
        return f"{NO_SPACE}: {file}"
    from trainer.temporary import temporary_folders  # its imports are as large as all the rest of the runner

    return f"{NO_SPACE}: {fullest((run.path, *temporary_folders(), Path('/dev/shm')))}"


def reason_in_log(text: str, exit_code: int) -> str | None:
    """Find the reason a program gave last: a closing line `error: ...`, else the exception of its last traceback.

    A traceback counts only with exit code 1, which is Python's for an uncaught exception: with any other code the
    traceback was of something the program had dealt with.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and lines[-1].startswith("error: "):
        return lines[-1].removeprefix("error: ").strip()
    starts = [i for i, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    if exit_code != 1 or not starts:
        return None
    matches = (_EXCEPTION_LINE.match(line) for line in lines[starts[-1] + 1 :])
    match = next((match for match in matches if match), None)
    if match is None:
        return None
    kind = match[1].rpartition(".")[2]
    return f"{kind}: {match[2]}" if match[2] else kind


def log_tail(path: Path) -> str:
    """Read the last 64 KiB of the log; empty when it cannot be read."""
    try:
        with RunFile.alone(path).open() as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LOG_TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""


def fullest(folders: Sequence[Path]) -> Path:
    """The folder whose disk is full; if by now none is any more, the one with the least room."""
    return next(filter(is_disk_full, folders), None) or min(folders, key=_free_bytes)


def _free_bytes(folder: Path) -> float:
    try:
        status = os.statvfs(folder)
    except OSError:  # It is not there.
        return math.inf
    return status.f_bavail * status.f_frsize


def is_disk_full(folder: Path) -> bool:
    """Whether not even one more block can be written there (tried, because root's reserve makes statvfs lie)."""
    probe = folder / f".probe.{os.getpid()}"
    try:
        with open(probe, "wb") as file:
            file.write(bytes(4096))
    except OSError as error:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    finally:
        try:
            probe.unlink(missing_ok=True)
        except OSError:
            pass  # A folder that became unreadable says nothing about its disk.
    return False


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
