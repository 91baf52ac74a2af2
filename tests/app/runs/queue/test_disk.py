"""The queue and its runs on a disk that is full or read-only."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.app.runs.start.domain import Service
from tests.waiting import wait_until


def test_a_full_disk_makes_the_queue_wait(service: Service, tmp_path: Path) -> None:
    run = service.enqueue(service.python("pass"))
    [active] = service.store.active()
    service.stop(active.run_id, "discard")
    full = Service(tmp_path, min_free_mb=10**9)
    assert not full.dispatcher.step()
    assert "MB are free" in str(full.queue.describe(full.obstacle)["runs"][0]["reason"])
    assert service.dispatcher.step()
    wait_until(lambda: service.store.find(run.run_id).state == "completed", 10)


def test_an_active_run_can_be_stopped_on_a_read_only_disk(service: Service) -> None:
    """A disk with errors becomes read-only while runs are active."""
    [active] = service.store.active()
    mounts = [["mount", "--bind", active.directory.path, active.directory.path]]
    mounts.append(["mount", "-o", "remount,bind,ro", active.directory.path])
    if any(subprocess.run(mount, capture_output=True).returncode for mount in mounts):
        pytest.skip("needs root to mount a folder")
    try:
        assert service.stop(active.run_id, "save").status == "stopped"
    finally:
        subprocess.run(["umount", "--lazy", active.directory.path], check=True)
    assert service.store.active() == []
