"""Find out whether the kernel killed a process because memory ran out. Standard library only."""

from __future__ import annotations

import os
import re
from pathlib import Path

_FIRST_PID_NAMESPACE = 0xEFFFFFFC
"""PROC_PID_INIT_INO in the kernel's include/linux/proc_ns.h."""
_RECORD = re.compile(r"^\d+,\d+,(\d+),[^;\n]*;(.*)$", re.MULTILINE)
_LARGEST_DRIFT = 500e-6
"""The largest drift between the log's clock and the monotonic clock, which NTP slews by at most this rate."""


def oom_kills(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Count the out-of-memory kills in this process's memory cgroup so far (v2, else v1). None if unknown.

    In v2 the root cgroup has no such counter.
    """
    try:
        memberships = (proc / "self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in memberships:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            candidates = [cgroups / path.lstrip("/") / "memory.events"]
        elif "memory" in controllers.split(","):
            # In a container the path is the host's, but the mount shows the container's cgroup as its root.
            memory = cgroups / "memory"
            candidates = [memory / path.lstrip("/") / "memory.oom_control", memory / "memory.oom_control"]
        else:
            continue
        for candidate in candidates:
            count = _read_count(candidate)
            if count is not None:
                return count
    return None


def _read_count(path: Path) -> int | None:
    try:
        match = re.search(r"^oom_kill (\d+)$", path.read_text(encoding="ascii"), re.MULTILINE)
    except (OSError, ValueError):
        return None
    return int(match[1]) if match else None


def was_oom_killed(
    pid: int,
    since_s: float,
    kills_before: int | None,
    kills_after: int | None,
    kmsg: Path = Path("/dev/kmsg"),
    pid_namespace: Path = Path("/proc/self/ns/pid"),
) -> bool:
    """Whether the kernel killed the process because memory ran out. The process is known to have died of SIGKILL.

    The evidence is a higher counter of our own cgroup, or the kernel's log if we may read it. The log names processes
    by their pid outside of any container. `since_s` is the start of the process by the monotonic clock: the kernel
    reuses pids.
    """
    if kills_before is not None and kills_after is not None and kills_after > kills_before:
        return True
    if not _sees_the_machines_pids(pid_namespace):
        return False
    earliest_s = since_s * (1 - _LARGEST_DRIFT)
    return any(f"Killed process {pid} (" in text for at_s, text in _read_kernel_log(kmsg) if at_s >= earliest_s)


def _sees_the_machines_pids(pid_namespace: Path) -> bool:
    """Whether our pids are those of the kernel's log. In a container they differ."""
    try:
        return pid_namespace.stat().st_ino == _FIRST_PID_NAMESPACE
    except OSError:
        return False


def _read_kernel_log(kmsg: Path) -> list[tuple[float, str]]:
    """Read the kernel's ring buffer without blocking: each record's time in seconds since boot, and its text.

    A record is a line `priority,sequence,microseconds,flags;text`. Indented lines may follow.
    """
    records = []
    try:
        descriptor = os.open(kmsg, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return []
    try:
        while True:
            try:
                record = os.read(descriptor, 8192)
            except BrokenPipeError:
                continue  # The kernel overwrote records. The next read continues with the oldest one left.
            if not record:
                break
            records.append(record)
    except OSError:
        pass  # EAGAIN: no more records.
    finally:
        os.close(descriptor)
    text = b"".join(records).decode("utf-8", errors="replace")
    return [(int(match[1]) / 1e6, match[2]) for match in _RECORD.finditer(text)]
