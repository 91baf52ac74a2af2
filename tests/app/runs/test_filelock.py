"""The lock by which one of several server processes is chosen."""

from __future__ import annotations

from pathlib import Path

from app.runs.filelock import SupervisorLock


def test_only_one_supervisor_holds_the_lock(tmp_path: Path) -> None:
    first, second = SupervisorLock(tmp_path / "supervisor.lock"), SupervisorLock(tmp_path / "supervisor.lock")
    assert first.try_acquire()
    assert first.try_acquire()
    assert not second.try_acquire()
    first.release()
    assert second.try_acquire()
    second.release()
