"""A dispatcher that is killed at any step launches nothing twice and loses nothing."""

from __future__ import annotations

import os
import signal
import sys
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.app.runs.start.domain import Service
from tests.waiting import wait_until

STEPS = {"os.rename", "os.remove", "os.link", "os.mkdir", "fcntl.flock", "subprocess.Popen"}
"""The audit events of what a dispatch changes, besides files that it opens for writing."""


def kill_at(step: int) -> None:
    """Let this process kill itself before the step with this number, from 1."""
    steps = count(1)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        is_write = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (event in STEPS or is_write) and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def dispatch_until_killed(home: Path, step: int) -> bool:
    """Dispatch in a process of its own, which is killed at a step. Return whether it was."""
    pid = os.fork()
    if pid == 0:
        service = Service(home, max_active=2)
        kill_at(step)
        service.dispatcher.step()
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.slow
def test_a_dispatcher_killed_at_any_step_launches_each_run_once(tmp_path: Path) -> None:
    service = Service(tmp_path, max_active=2)
    launched = tmp_path / "launched"
    program = f"import os; open({str(launched)!r}, 'a').write(os.environ['TRAINER_RUN_DIR'][-30:] + '\\n')"
    for step in count(1):
        service.queue.pause(True)
        launched.write_text("")
        runs = [service.enqueue(service.python(program)) for _ in range(2)]
        service.queue.pause(False)
        was_killed = dispatch_until_killed(tmp_path, step)
        for run in runs:
            wait_until(lambda run=run: service.dispatcher.step() or service.store.find(run.run_id).is_over, 20)  # type: ignore[misc]
            wait_until(lambda run=run: service.store.find(run.run_id).is_over, 20)  # type: ignore[misc]
        assert [service.store.find(run.run_id).state for run in runs] == ["completed"] * 2, step
        assert len(launched.read_text().splitlines()) == 2, step
        service.dispatcher.step()
        assert not any(run.directory.queued.exists() for run in runs), step
        if not was_killed:
            break
    assert step > 10, "a dispatch has many steps"
