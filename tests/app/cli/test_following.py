"""What the client makes of each message: events, a gap, or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from app.cli.events import EpochChanged, LogWritten, ProgressChanged, RowsLogged, RunChanged
from app.cli.following import Following


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
