"""Whether the kernel killed a process for want of memory. Standard library only."""

from __future__ import annotations

import os
import re
from pathlib import Path


def oom_kills(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Count the out-of-memory kills in this process's memory cgroup so far (v2, else v1); None where unknown.

    The root cgroup has no such counter in v2.
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
            # Inside a container the path is the host's, and the mount shows the container's own cgroup as its root.
            candidates = [cgroups / "memory" / path.lstrip("/") / "memory.oom_control", cgroups / "memory/memory.oom_control"]
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


def was_oom_killed(pid: int, kills_before: int | None, kmsg: Path = Path("/dev/kmsg")) -> bool:
    """Whether the process, known to have died of SIGKILL, was the kernel's victim.

    The kernel's log names the pid, where we may read it. Else a risen counter of our own cgroup is the evidence.
    """
    if f"Killed process {pid} (" in _read_kernel_log(kmsg):
        return True
    kills = oom_kills()
    return kills is not None and kills_before is not None and kills > kills_before


def _read_kernel_log(kmsg: Path) -> str:
    """Read what the kernel's ring buffer holds; one read is one record, and it never blocks."""
    records = []
    try:
        descriptor = os.open(kmsg, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        while True:
            try:
                record = os.read(descriptor, 8192)
            except BrokenPipeError:
                continue  # Records were overwritten meanwhile; the next read goes on with the oldest left.
            if not record:
                break
            records.append(record)
    except OSError:
        pass  # EAGAIN: no more records.
    finally:
        os.close(descriptor)
    return b"".join(records).decode("utf-8", errors="replace")
