"""Detection of out-of-memory kills by the counter of the memory cgroup."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.processes import record_of
from tests.servers import LiveServer
from tests.waiting import wait_until
from trainer.runner.oom import OomCounter, oom_kills


def tree(tmp_path: Path, memberships: str, **counters: str) -> tuple[Path, Path]:
    """Write a /proc and a /sys/fs/cgroup with the given content."""
    proc, cgroups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text(memberships)
    for name, text in counters.items():
        path = cgroups / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return proc, cgroups


EVENTS = "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n"
CONTROL = "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"


@pytest.mark.parametrize(
    ("memberships", "counters", "kills"),
    [
        ("0::/user.slice/training\n", {"user.slice__training__memory_DOT_events": EVENTS}, 2),
        ("0::/\n", {"memory_DOT_events": EVENTS}, 2),
        ("0::/\n", {}, None),
        ("5:cpu,memory:/docker/abc\n0::/\n", {"memory__docker__abc__memory_DOT_oom_control": CONTROL}, 5),
        ("5:memory:/of/the/host\n", {"memory__memory_DOT_oom_control": CONTROL}, 5),
        ("5:memory:/x\n", {"memory__x__memory_DOT_oom_control": "garbage\n"}, None),
        ("", {}, None),
    ],
)
def test_the_counter_is_read_from_the_cgroup(
    tmp_path: Path, memberships: str, counters: dict[str, str], kills: int | None
) -> None:
    assert oom_kills(*tree(tmp_path, memberships, **counters)) == kills


def test_a_machine_without_cgroups_has_no_counter(tmp_path: Path) -> None:
    assert oom_kills(tmp_path / "proc", tmp_path / "cgroup") is None


def test_only_a_higher_counter_is_evidence(tmp_path: Path) -> None:
    proc, cgroups = tree(tmp_path, "0::/\n", memory_DOT_events=EVENTS)
    counter, unknown = OomCounter(proc, cgroups), OomCounter(proc, tmp_path / "none")
    assert not counter.has_risen
    (cgroups / "memory.events").write_text(EVENTS.replace("oom_kill 2", "oom_kill 3"))
    assert counter.has_risen
    assert not unknown.has_risen
    (cgroups / "memory.events").unlink()
    assert not counter.has_risen


@pytest.fixture
def small_memory() -> Iterator[Path]:
    """A memory cgroup of 256 MB."""
    v1 = Path("/sys/fs/cgroup/memory")
    group = (v1 if v1.is_dir() else Path("/sys/fs/cgroup")) / f"training-test-{os.getpid()}"
    try:
        group.mkdir()
        limit = group / ("memory.limit_in_bytes" if v1.is_dir() else "memory.max")
        limit.write_text(str(256 * 1024 * 1024))
    except OSError as error:
        if group.is_dir():
            group.rmdir()
        pytest.skip(f"needs permission to create a memory cgroup: {error}")
    yield group
    wait_until(lambda: not (group / "cgroup.procs").read_text(), 10)  # A killed process stays until it is reaped.
    group.rmdir()


@pytest.mark.slow
def test_a_program_that_the_kernel_killed_failed_out_of_memory(tmp_path: Path, small_memory: Path) -> None:
    server = LiveServer(tmp_path)
    server.wrapper = ["/bin/sh", "-c", f'echo $$ > {small_memory}/cgroup.procs && exec "$@"', "sh"]
    server.start()
    try:
        run_id = server.start_run(server.write_command("m", "use_memory.py"))
        run = server.wait_for_state(run_id, "failed", "interrupted", timeout_s=60)
        assert (run["state"], run["reason"]) == ("failed", "killed by SIGKILL (out of memory)")
        # The test kills the next program. The counter's earlier rise is not evidence for that run.
        again = server.start_run(server.write_command("w", "wait_for_file.py", "/nonexistent"))
        subprocess.run(["kill", "-9", str(record_of(server, again)["pid"])], check=True)
        assert server.wait_for_state(again, "failed")["reason"] == "killed by SIGKILL"
    finally:
        server.kill()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has /proc")
def test_the_real_counter_can_be_read_or_is_unknown() -> None:
    kills = oom_kills()
    assert kills is None or kills >= 0
