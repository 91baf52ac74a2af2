"""The client's copy of a run, behind a channel that loses and reorders what a real one may."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.cli.events import EpochChanged, Event, LogWritten, ProgressChanged, RowsLogged, RunChanged
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


def test_values_that_are_not_finite_come_as_they_are() -> None:
    client = Following("r", 0)
    chunk = {
        "columns": ["step", "train/loss", "val/acc"],
        "from_row": 0,
        "rows": [[1, None, None], [2, None, 0.5]],
        "non_finite": {"train/loss": {"nan": [0], "-inf": [1]}},
        "directions": {"train/loss": "lower"},
        "attempt": "a",
        "run_id": "r",
    }
    client.must_subscribe = False
    (logged,) = client.received("metrics", chunk)
    assert isinstance(logged, RowsLogged)
    assert repr(logged.rows) == "[{'step': 1, 'train/loss': nan}, {'step': 2, 'val/acc': 0.5, 'train/loss': -inf}]"


def run(state: str = "running", run_id: str = "r") -> dict[str, Any]:
    return {"run_id": run_id, "state": state, "reason": None}


def rows(from_row: int, number: int, attempt: str | None = "a") -> dict[str, Any]:
    return {
        "run_id": "r",
        "columns": ["step"],
        "from_row": from_row,
        "rows": [[row] for row in range(from_row, from_row + number)],
        "non_finite": {},
        "directions": {},
        "attempt": attempt,
    }


def log(offset: int, text: str) -> dict[str, Any]:
    return {"run_id": "r", "offset": offset, "next_offset": offset + len(text), "text": text}


def answer(state: str = "running", from_row: int = 0, number: int = 0, **more: Any) -> dict[str, Any]:
    """What the service answers to a subscription. By default it has all rows, and nothing of the log."""
    body = {"run": run(state), "progress": None, "epochs": [], "num_rows": from_row + number, "log": log(0, "")}
    body |= rows(from_row, number) | more
    return body | {"log": {"end": body["log"]["next_offset"]} | body["log"]}


@pytest.fixture
def client() -> Following:
    """A client that has two rows of the run `r`."""
    client = Following("r", 0)
    assert client.must_subscribe
    client.subscription()
    assert [type(event) for event in client.answered(answer(number=2))] == [RunChanged, RowsLogged]
    assert client.subscription() == {"run_id": "r", "row": 2, "attempt": "a", "log_offset": 0}
    assert list(client.answered(answer(from_row=2))) == []
    return client


def epoch(number: int, num_rows: int) -> dict[str, Any]:
    return {"run_id": "r", "epoch": number, "num_rows": num_rows, "metrics": {"val/acc": 0.5}}


def test_events_of_other_kinds_and_of_other_runs_are_ignored(client: Following) -> None:
    assert list(client.received("system", {"time": 1})) == []
    assert list(client.received("run", run("failed", "other"))) == []
    assert list(client.received("log", log(0, "a") | {"run_id": "other"})) == []
    assert not client.must_subscribe


def test_the_first_run_that_the_service_names_is_followed() -> None:
    client = Following(None, None)
    assert client.subscription() == {"run_id": None, "row": 0, "attempt": None, "log_offset": None}
    assert list(client.answered(answer() | {"run": None})) == []
    assert list(client.received("log", log(5, "x"))) == []
    assert (client.run_id, client.must_subscribe) == ("r", True)
    other = Following(None, None)
    other.subscription()
    assert list(other.answered(answer(log=log(5, "x")))) == [RunChanged(run()), LogWritten(5, 6, "x")]
    assert other.subscription() == {"run_id": "r", "row": 0, "attempt": "a", "log_offset": 6}


def test_a_state_and_a_progress_come_once(client: Following) -> None:
    assert list(client.received("run", run())) == []
    assert list(client.received("run", run("stopping"))) == [RunChanged(run("stopping"))]
    assert list(client.received("run", run("stopping"))) == []
    first, second = {"step": 1}, {"step": 2}
    assert list(client.received("progress", {"run_id": "r"} | first)) == [ProgressChanged(first)]
    assert list(client.received("progress", {"run_id": "r"} | first)) == []
    assert list(client.received("progress", {"run_id": "r"} | second)) == [ProgressChanged(second)]
    for progress, events in ((second, []), (first, [ProgressChanged(first)]), (None, [])):
        client.subscription()
        assert list(client.answered(answer("stopping", from_row=2, progress=progress))) == events


def test_events_wait_for_the_answer_that_may_contain_them(client: Following) -> None:
    client.subscription()
    assert list(client.received("metrics", rows(2, 1))) == []
    assert list(client.received("metrics", rows(3, 1))) == []
    events = list(client.answered(answer(from_row=2, number=1)))
    assert [event.from_row for event in events if isinstance(event, RowsLogged)] == [2, 3]
    assert not client.must_subscribe


def test_a_state_that_came_before_another_one_in_the_answer_is_asked_for_again(client: Following) -> None:
    client.subscription()
    assert list(client.received("run", run("stopping"))) == []
    assert list(client.answered(answer(from_row=2))) == []
    assert client.must_subscribe, "nobody can tell which of the two is newer"


def test_the_same_state_in_an_event_and_in_the_answer_is_no_reason_to_ask(client: Following) -> None:
    client.subscription()
    assert list(client.received("run", run("stopping"))) == []
    assert list(client.answered(answer("stopping", from_row=2))) == [RunChanged(run("stopping"))]
    assert not client.must_subscribe


def test_nothing_is_taken_between_a_gap_and_the_answer(client: Following) -> None:
    assert list(client.received("metrics", rows(3, 1))) == []
    assert client.must_subscribe
    assert list(client.received("metrics", rows(2, 1))) == []


def test_an_epoch_comes_after_the_rows_that_changed_it(client: Following) -> None:
    assert list(client.received("epoch", epoch(0, 2))) == [], "its rows came before, and so did the epoch"
    assert list(client.received("epoch", epoch(1, 4))) == []
    assert [type(event) for event in client.received("metrics", rows(2, 1))] == [RowsLogged]
    assert [type(event) for event in client.received("metrics", rows(3, 1))] == [RowsLogged, EpochChanged]
    assert [type(event) for event in client.received("metrics", rows(4, 1))] == [RowsLogged]


def test_an_answer_replaces_the_epochs_that_wait(client: Following) -> None:
    assert list(client.received("epoch", epoch(1, 3))) == []
    client.subscription()
    events = list(client.answered(answer(from_row=2, epochs=[{"epoch": 1, "metrics": {}}])))
    assert events == [EpochChanged(1, {})]
    assert [type(event) for event in client.received("metrics", rows(2, 1))] == [RowsLogged]


@pytest.mark.parametrize(
    ("chunk", "is_gap"),
    [
        (rows(0, 2), False),  # known
        (rows(0, 3), True),  # known in part
        (rows(2, 0), False),  # a position
        (rows(3, 0), True),
        (rows(0, 0), True),  # the program starts its file again
        (rows(2, 1, "b"), True),  # another attempt
        (rows(0, 1, "b"), True),
    ],
)
def test_rows_that_do_not_follow_are_known_or_a_gap(client: Following, chunk: dict[str, Any], is_gap: bool) -> None:
    assert list(client.received("metrics", chunk)) == []
    assert client.must_subscribe == is_gap


def test_a_client_without_rows_takes_any_attempt() -> None:
    client = Following("r", 0)
    client.subscription()
    assert list(client.answered(answer(attempt=None))) == [RunChanged(run())]
    assert client.subscription()["attempt"] is None
    assert list(client.answered(answer(attempt=None))) == []
    (logged,) = client.received("metrics", rows(0, 1, "new"))
    assert isinstance(logged, RowsLogged)
    assert [type(event) for event in client.received("metrics", rows(1, 1, "new"))] == [RowsLogged]
    assert list(client.received("metrics", rows(2, 1, "other"))) == []
    assert client.must_subscribe


@pytest.mark.parametrize(
    ("chunk", "is_gap"),
    [
        (log(1, "b"), False),  # known
        (log(1, "bc"), True),  # known in part
        (log(2, ""), False),  # a position
        (log(3, ""), True),
        (log(0, ""), True),  # the log begins again
        (log(3, "d"), True),
    ],
)
def test_a_log_that_does_not_follow_is_known_or_a_gap(client: Following, chunk: dict[str, Any], is_gap: bool) -> None:
    assert list(client.received("log", log(0, "ab"))) == [LogWritten(0, 2, "ab")]
    assert list(client.received("log", chunk)) == []
    assert client.must_subscribe == is_gap


def test_a_client_that_lacks_more_asks_again(client: Following) -> None:
    client.subscription()
    list(client.answered(answer(from_row=2, number=1, num_rows=9)))
    assert client.must_subscribe, "of the rows"
    client.subscription()
    list(client.answered(answer(from_row=3, log=log(0, "a") | {"end": 9})))
    assert client.must_subscribe, "of the log"
    client.subscription()
    list(client.answered(answer(from_row=3, num_rows=9, log=log(1, ""))))
    assert not client.must_subscribe, "an answer without content waits for an event"


def test_an_answer_that_starts_over_replaces_rows_and_log(client: Following) -> None:
    list(client.received("log", log(0, "ab")))
    client.subscription()
    events = list(client.answered(answer(log=log(0, ""))))
    assert events == [RowsLogged(0, [], ["step"], {}), LogWritten(0, 0, "")]


def test_the_final_state_comes_last_once_everything_is_there(client: Following) -> None:
    assert list(client.received("run", run("completed"))) == []
    assert client.must_subscribe
    client.subscription()
    events = list(client.answered(answer("completed", from_row=2, number=1, num_rows=4)))
    assert [type(event) for event in events] == [RowsLogged]
    assert (client.must_subscribe, client.is_over) == (True, False)
    client.subscription()
    events = list(client.answered(answer("completed", from_row=3, number=1, log=log(0, "end"))))
    assert [type(event) for event in events] == [RowsLogged, LogWritten, RunChanged]
    assert client.is_over
    assert list(client.received("log", log(3, "more"))) == []
