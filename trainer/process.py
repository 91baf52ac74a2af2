"""Who a process is: a pid and its start time, which together are never reused. Standard library only."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path


def start_time(pid: int) -> str | None:
    """Name the moment the process began, unique over reboots; None when there is no such process or it is a zombie.

    On Linux `boot id/clock ticks since boot` (proc(5), field 22 of stat), elsewhere what ps calls lstart.
    """
    if not sys.platform.startswith("linux"):
        return _start_time_by_ps(pid)
    fields = _stat_fields(pid)
    if fields is None or fields[0] in ("Z", "X"):
        return None
    return f"{_boot_id()}/{fields[19]}"


def is_alive(pid: object, started: object) -> bool:
    """Whether the very process that had `pid` and began at `started` still runs; False for anything unusable."""
    return isinstance(pid, int) and pid > 0 and started is not None and start_time(pid) == started


def end_with_parent() -> None:
    """Let the kernel kill this process when its parent ends, however that ends (Linux).

    Strictly, when the thread ends that started it.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG


def children(pid: int) -> list[int]:
    """List the pids of the direct children, zombies included; empty where there is no /proc."""
    found = []
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if entry.isdecimal():
            fields = _stat_fields(int(entry))
            if fields is not None and int(fields[1]) == pid:
                found.append(int(entry))
    return found


def _stat_fields(pid: int) -> list[str] | None:
    """Read /proc/PID/stat from the third field (state) on; the second may hold spaces and parentheses."""
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
