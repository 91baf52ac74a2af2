"""Find out whether the kernel killed a process because memory ran out. Standard library only."""

from __future__ import annotations

import re
from pathlib import Path


class OomCounter:
    """The out-of-memory kills in this process's memory cgroup since this object was made.

    The kernel's log names the process, but often only root may read it, and in a container it names other pids.
    """

    def __init__(self, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> None:
        self._folders = proc, cgroups
        self._before = oom_kills(proc, cgroups)

    @property
    def has_risen(self) -> bool:
        """False also where the cgroup has no counter."""
        now = oom_kills(*self._folders)
        return self._before is not None and now is not None and now > self._before


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
