"""Processes as the kernel describes them: identity, descendants, and what they wait for.

Standard library only. Without /proc (not Linux, or not mounted) only `start_time` and `is_alive` work.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Collection
from functools import cache
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None) if sys.platform.startswith("linux") else None


def can_search() -> bool:
    """Whether processes can be inspected. On Linux this needs /proc, which a container or chroot may lack."""
    return not sys.platform.startswith("linux") or os.path.exists("/proc/self/stat")


def start_time(pid: int) -> str | None:
    """Return when the process started, as a text that is unique over reboots; None for a zombie or no process.

    The system never reuses a pid together with its start time. On Linux the start time is `boot id/clock ticks since
    boot` (proc(5), field 22 of stat), elsewhere the lstart of ps.
    """
    if not sys.platform.startswith("linux"):
        return _start_time_by_ps(pid)
    fields = _stat_fields(pid)
    if fields is None or fields[0] in ("Z", "X"):
        return None
    return f"{_boot_id()}/{fields[19]}"


def is_alive(pid: object, started: object) -> bool:
    """Whether the process that had `pid` and started at `started` still runs. False for values of a wrong type."""
    return isinstance(pid, int) and pid > 0 and started is not None and start_time(pid) == started


def end_with_parent(parent: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Let the kernel send this process a signal when the thread that started it ends (Linux).

    Send it now if the parent, whose pid is `parent`, has ended before this call.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose parent exits (Linux)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)


def parents() -> dict[int, int]:
    """Map the pid of every process, zombies included, to its parent's pid. Empty without /proc."""
    found = {}
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if entry.isdecimal() and (fields := _stat_fields(int(entry))) is not None:
            found[int(entry)] = int(fields[1])
    return found


def children(pid: int) -> list[int]:
    """List the pids of the direct children, zombies included. Empty without /proc."""
    return [child for child, parent in parents().items() if parent == pid]


def descendants(pid: int, of: dict[int, int]) -> set[int]:
    """Return the pids of all descendants of a process, given `parents()`."""
    found: set[int] = set()
    generation = {pid}
    while generation:
        generation = {child for child, parent in of.items() if parent in generation} - found
        found |= generation
    return found


def command_line(pid: int) -> str:
    """Return the arguments, separated by spaces. Empty for a zombie and for a process that we may not inspect."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").replace("\0", " ").strip()
    except OSError:
        return ""


def ignores(pid: int, number: int) -> bool:
    """Whether the process ignores the signal (proc(5), SigIgn of status)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    masks = [line.split()[1] for line in status.splitlines() if line.startswith("SigIgn:")]
    return bool(masks) and bool(int(masks[0], 16) >> (number - 1) & 1)


def work_done(pid: int) -> int | None:
    """Return the processor time used so far, in clock ticks; None if the process computes, waits for a disk or is gone.

    Two equal answers some time apart mean that the process only waited for others in between.
    """
    fields = _stat_fields(pid)
    return None if fields is None or fields[0] in "RD" else int(fields[11]) + int(fields[12])


def is_fed_by(pid: int, others: Collection[int]) -> bool:
    """Whether one of the others can write into the pipe that is its standard input, as in `others | pid`."""
    try:
        pipe = os.readlink(f"/proc/{pid}/fd/0")
    except OSError:
        return False
    return pipe.startswith("pipe:") and any(_can_write(other, pipe) for other in others if other != pid)


def _can_write(pid: int, pipe: str) -> bool:
    try:
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            if os.readlink(f"/proc/{pid}/fd/{descriptor}") == pipe:
                info = Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text(encoding="ascii").split()
                if int(info[info.index("flags:") + 1], 8) & os.O_ACCMODE != os.O_RDONLY:
                    return True
    except OSError:
        pass  # It has exited or closed the descriptor.
    return False


def _stat_fields(pid: int) -> list[str] | None:
    """Read /proc/PID/stat from the third field (state) on. The second field may contain spaces and parentheses."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return stat.rpartition(")")[2].split()


@cache
def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _start_time_by_ps(pid: int) -> str | None:
    ps = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
    return ps.stdout.strip() or None
