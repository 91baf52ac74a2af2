"""The client's copy of a run, behind a channel that loses and reorders what a real one may."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.cli.events import EpochChanged, Event, LogWritten, RowsLogged, RunChanged
from app.cli.following import Following
from app.runs.collect.runmetrics import RunMetrics
from app.runs.follow.follower import Follower
from app.runs.follow.position import Position
from tests.app.runs.slots import hold, store_of
from tests.app.written import write_json, write_metrics
from tests.waiting import wait_until


class Copy:
    """What a user of the client collects from the events."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.epochs: dict[float, dict[str, float | None]] = {}
        self.log = b""
        self.states: list[str] = []

    def take(self, events: Iterator[Event]) -> None:
        for event in events:
            assert "completed" not in self.states, "nothing follows the final state"
            if isinstance(event, RowsLogged):
                assert event.from_row in (0, len(self.rows))
                self.rows[event.from_row :] = event.rows
                self.epochs = self.epochs if event.from_row else {}
            elif isinstance(event, EpochChanged):
                self.epochs[event.epoch] = event.metrics
            elif isinstance(event, LogWritten):
                assert event.offset == len(self.log)
                self.log += event.text.encode()
            elif isinstance(event, RunChanged):
                self.states.append(event.state)


class LossyService:
    """The service's side. It reads real files, and loses events. Answers arrive late but always."""

    def __init__(self, folder: Path, seed: int) -> None:
        (folder / "runs").mkdir()
        self.store = store_of(folder / "runs")
        self.run_path, self._lock = hold(self.store)
        write_json(self.run_path / "run.json", {"request": {}})
        self._metrics = RunMetrics(folder / "scraped")
        self._random = random.Random(seed)
        self._answers: list[dict[str, Any]] = []
        self.restart()

    def restart(self) -> None:
        self._follower = Follower(self.store.find(self.run_path.name), self._metrics.collect)
        for _ in self._follower.skip_to_end():
            pass
        self._answers = []

    def write(self, num_rows: int, attempt: int, state: str = "running") -> None:
        lines = [f"{row // 10},{row},{row / 8 + attempt}\n" for row in range(num_rows)]
        write_metrics(self.run_path, "epoch,step,train/loss\n" + "".join(lines))
        (self.run_path / "train.log").write_text("".join(f"line {line} \N{SNOWMAN}\n" for line in range(num_rows)))
        write_json(self.run_path / "state.json", {"state": state, "pid": 7, "runner": {"pid": 6}})
        if state != "running":
            os.close(self._lock)

    def turn(self, client: Following) -> Iterator[Event]:
        """Let the service read its files once, and the client receive what arrives of it."""
        if client.must_subscribe:
            asked = client.subscription()
            position = Position(asked["row"], asked["log_offset"], asked["attempt"])
            self._answers.append(self._follower.catch_up(position))
        events = list(self._follower.read_new(self.store.find(self.run_path.name)))
        del events[self._random.randrange(2 * len(events) + 1) :]  # A client that lags behind loses the last ones.
        for event in [*events, *self._follower.position()]:
            yield from client.received(event.name, event.payload())
            if self._answers and self._random.random() < 0.3:
                yield from client.answered(self._answers.pop(0))


@pytest.mark.parametrize("seed", range(5))
def test_a_lossy_channel_neither_loses_nor_doubles_anything(tmp_path: Path, seed: int) -> None:
    service, client, copy = LossyService(tmp_path, seed), Following(None, 0), Copy()
    num_rows = 0
    for turn in range(30):
        num_rows += turn % 7
        if turn % 13 == 12:
            service.restart()
            client.must_subscribe = True
        service.write(num_rows, attempt=0)
        copy.take(service.turn(client))
    service.write(num_rows, attempt=0, state="completed")
    wait_until(lambda: client.is_over or copy.take(service.turn(client)), 10)
    assert copy.states[-1] == "completed"
    assert copy.rows == [{"epoch": row // 10, "step": row, "train/loss": row / 8} for row in range(num_rows)]
    assert copy.epochs == {
        float(epoch): {"train/loss": min(10 * epoch + 9, num_rows - 1) / 8} for epoch in range(-(-num_rows // 10))
    }
    assert copy.log == (service.run_path / "train.log").read_bytes()


def test_a_program_that_starts_its_file_again_replaces_all_rows(tmp_path: Path) -> None:
    service, client, copy = LossyService(tmp_path, 1), Following(None, 0), Copy()

    def has(attempt: int) -> bool:
        copy.take(service.turn(client))
        return [row["train/loss"] for row in copy.rows] == [row / 8 + attempt for row in range(20)]

    for attempt in (0, 5):
        service.write(20, attempt)
        wait_until(partial(has, attempt), 10, lambda: copy.rows)
    service.write(20, 5, state="completed")
