"""What only the holder of the supervisor lock does."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.runs.duty import Duty
from app.runs.filelock import SupervisorLock
from tests.waiting import wait_until


class Count(Duty):
    """Counts to three at once, fails, and goes on."""

    def __init__(self, lock: SupervisorLock) -> None:
        super().__init__("The count", lock, 0.01)
        self.number = 0

    def step(self) -> bool:
        self.number += 1
        if self.number == 4:
            raise OSError("no disk")
        return self.number < 3


def test_a_duty_is_done_by_the_holder_alone_and_goes_on_after_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    locks = [SupervisorLock(tmp_path / "supervisor.lock") for _ in range(2)]
    holder, other = map(Count, locks)
    assert locks[0].try_acquire()
    holder.start()
    other.start()
    wait_until(lambda: holder.number > 4, 10)
    assert other.number == 0
    assert "The count continues after an error." in caplog.text
    locks[0].release()
    assert locks[1].try_acquire()
    wait_until(lambda: other.number > 0, 10)
    for duty in (holder, other):
        duty.stop()
    locks[1].release()
