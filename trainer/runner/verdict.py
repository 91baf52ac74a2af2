"""Decide how a run ended, from its exit code and its files. Standard library only."""

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

NEVER_LAUNCHED = "stopped before its program was launched"
NO_SPACE = "no space left on device"
MEMORY_ADVICE = ": lower data.num_workers or data.batch_size, or give the machine more memory"
MAX_REASON_CHARS = 500
_LOG_TAIL_BYTES = 64 * 1024
_FULL_DISK = re.compile(r"(?:No space left on device|Disk quota exceeded)(?:: '(.+)')?")
_TRACEBACK = "Traceback (most recent call last)"
_EXCEPTION_LINE = re.compile(r"^([A-Za-z_][\w.]*)(?:: (.*))?$")


TERMINATED = INTERRUPTED, "terminated by SIGTERM without a stop request, as when the machine shuts down"


@dataclass(frozen=True)
class Ending:
    """How the program exited, as the runner saw it. `exit_code` is negative for a signal, as in subprocess."""

    exit_code: int
    termination: tuple[str, str] | None = None
    """The verdict and its reason if the runner was signalled to end the program without a requested stop."""
    was_killed_after_grace_s: float | None = None
    """The grace period after which the runner killed the program or its descendants; None if it killed nothing."""
    is_out_of_memory: bool = False
    stop_signal: int = signal.SIGTERM
    """The signal that a stop sends to the program."""
    did_another_exit_well: bool = False
    """A descendant of the program got the stop signal and exited with 0."""


def judge(run: RunDir, ending: Ending, stop: dict[str, Any] | None, needs_result: bool) -> tuple[str, str | None]:
    """Decide the final state and its reason. The reason is None if there is nothing to explain.

    With `needs_result` a run is completed only if it has a result.json. Our trainer writes that file last, so a crash
    while the interpreter shuts down does not matter. Its exit code proves nothing, because Lightning exits with 0 on
    SIGTERM too. The program of a `command` writes no result.json: exit code 0 counts, unless a stop was requested.
    """
    was_asked = stop is not None or ending.termination is not None
    if run.result.exists() if needs_result else ending.exit_code == 0 and not was_asked:
        return COMPLETED, None
    if stop is not None:
        return STOPPED, _stop_reason(run, ending, needs_result)
    if ending.termination is not None:
        state, reason = ending.termination
        how = _stop_reason(run, ending, needs_result)
        return state, f"{reason}; {how}" if how is not None and ending.was_killed_after_grace_s is not None else reason
    if ending.exit_code == 0:
        return FAILED, "exit code 0, but no result.json: the training program exited before it was done"
    return FAILED, reason_of_failure(run, ending, needs_result)


def _stop_reason(run: RunDir, ending: Ending, is_ours: bool) -> str | None:
    """Say what ended a stopped run; None if the program or its descendant exited by itself on the stop signal.

    Shells and our own trainer exit with 128 + the signal's number after a signal.
    """
    if ending.was_killed_after_grace_s is not None:
        what = "the program" if ending.exit_code == -signal.SIGKILL else "a process that the program started"
        return f"{what} did not exit within {ending.was_killed_after_grace_s:g} s of the stop request and was killed"
    if ending.exit_code in (0, 128 + ending.stop_signal):
        return None
    if ending.exit_code == -ending.stop_signal:
        return None if ending.did_another_exit_well else f"ended by {signal_name(ending.stop_signal)}"
    return reason_of_failure(run, ending, is_ours)


def reason_of_failure(run: RunDir, ending: Ending, is_ours: bool) -> str:
    """Say in one line why the program failed. `is_ours` means that it was our own trainer."""
    if ending.exit_code < 0:
        name = signal_name(-ending.exit_code)
        if not ending.is_out_of_memory:
            return f"killed by {name}"
        return f"killed by {name} (out of memory)" + (MEMORY_ADVICE if is_ours else "")
    reason = reason_in_log(log_tail(run.log), ending.exit_code)
    if reason is not None:
        full = _FULL_DISK.search(reason)
        return (_no_space(full[1], run) if full else reason)[:MAX_REASON_CHARS]
    return f"{NO_SPACE}: {run.path}" if is_disk_full(run.path) else f"exit code {ending.exit_code}"


def _no_space(file: str | None, run: RunDir) -> str:
    """Name the file that the program has named, else the folder whose disk is full."""
    if file is not None:
        return f"{NO_SPACE}: {file}"
    from trainer.temporary import (
        temporary_folders,
    )  # Imported here because its imports are as large as the rest of the runner.

    return f"{NO_SPACE}: {fullest((run.path, *temporary_folders(), Path('/dev/shm')))}"


def reason_in_log(text: str, exit_code: int) -> str | None:
    """Find the reason in a log: a last line `error: ...`, else the exception of the last traceback.

    A traceback counts only with exit code 1, Python's code for an uncaught exception. With any other code the program
    had handled the exception.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and lines[-1].startswith("error: "):
        return lines[-1].removeprefix("error: ").strip()
    starts = [i for i, line in enumerate(lines) if _TRACEBACK in line]
    if exit_code != 1 or not starts:
        return None
    prefix = lines[starts[-1]].partition(_TRACEBACK)[0]  # A progress bar, or torchrun's `[rank0]: ` of every line.
    matches = (_EXCEPTION_LINE.match(line.removeprefix(prefix)) for line in lines[starts[-1] + 1 :])
    match = next((match for match in matches if match), None)
    if match is None:
        return None
    kind = match[1].rpartition(".")[2]
    return f"{kind}: {match[2]}" if match[2] else kind


def log_tail(path: Path) -> str:
    """Read the last 64 KiB of the log. Empty if it cannot be read."""
    try:
        with RunFile.alone(path).open() as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LOG_TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""


def fullest(folders: Sequence[Path]) -> Path:
    """Return the first folder whose disk is full, else the one whose disk has the least space."""
    return next(filter(is_disk_full, folders), None) or min(folders, key=_free_bytes)


def _free_bytes(folder: Path) -> float:
    try:
        status = os.statvfs(folder)
    except OSError:  # It does not exist.
        return math.inf
    return status.f_bavail * status.f_frsize


def is_disk_full(folder: Path) -> bool:
    """Try to write one more block: statvfs does not know of the blocks that are reserved for root."""
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
            pass  # The folder became unwritable, which says nothing about its disk.
    return False


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
