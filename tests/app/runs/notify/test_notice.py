"""A notice: when to try again, when to give up, and what it says."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from app.runs.collect.runmetrics import RunMetrics
from app.runs.notify.best import best_metric
from app.runs.notify.message import Message, describe_end
from app.runs.notify.notice import Delivery, Notice
from app.runs.store.run import Run
from app.runs.store.store import RunStore
from tests.app.runs.slots import executor_of
from tests.app.written import METRICS, write_run

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def delivery(attempts: int, seconds_ago: float) -> Delivery:
    return Delivery("a", attempts, (NOW - timedelta(seconds=seconds_ago)).isoformat())


@pytest.mark.parametrize(
    ("attempts", "pause_s"), [(1, 2), (2, 4), (5, 32), (11, 2048), (12, 3600), (40, 3600), (10_000, 3600)]
)
def test_the_pauses_grow_to_an_hour(attempts: int, pause_s: float) -> None:
    assert not delivery(attempts, pause_s - 0.5).is_due(NOW.isoformat())
    assert delivery(attempts, pause_s + 0.5).is_due(NOW.isoformat())


def test_a_clock_that_was_set_back_delays_nothing() -> None:
    assert delivery(3, -86400).is_due(NOW.isoformat())


def test_what_is_settled_is_not_due() -> None:
    assert Delivery("a").is_due(NOW.isoformat())
    assert not Delivery("a", sent_at=NOW.isoformat()).is_due(NOW.isoformat())
    assert not Delivery("a", given_up_at=NOW.isoformat()).is_due(NOW.isoformat())


def test_an_address_is_given_up_after_a_day_or_when_it_is_removed() -> None:
    message = Message("t", "b", "info")
    tried = delivery(30, 0)
    notice = Notice(Path("/n"), message, (NOW - timedelta(hours=23)).isoformat(), (tried,))
    assert notice.give_up(["a"]) == notice
    assert replace(notice, created_at=(NOW - timedelta(hours=25)).isoformat()).give_up(["a"]).is_settled
    assert "removed" in str(notice.give_up(["b"]).deliveries[0].problem)
    # A service that was off for long tries once more.
    untried = replace(notice, created_at=(NOW - timedelta(days=9)).isoformat(), deliveries=(delivery(1, 8.9 * 86400),))
    assert not untried.give_up(["a"]).is_settled


def test_a_notice_survives_its_file(tmp_path: Path) -> None:
    notice = Notice.create(tmp_path / "notified.json", Message("t", "b", "failure"), ["a", "b"])
    assert Notice.read(notice.path) == notice
    sent = notice.with_delivery(Delivery("b", sent_at=NOW.isoformat()))
    sent.write()
    assert Notice.read(notice.path) == sent
    assert (sent.num_unsettled, sent.is_settled) == (1, False)


@pytest.mark.parametrize(
    "change",
    [
        {"deliveries": None},
        {"deliveries": [asdict(Delivery("a")) | {"attempts": "1"}]},
        {"deliveries": [asdict(Delivery("a")) | {"address": ["a"]}]},
        {"message": {}},
        {"message": {"title": 1, "body": "b", "kind": "info"}},
        {"created_at": "yesterday"},
        {"created_at": 3},
    ],
)
def test_a_corrupt_notice_counts_as_missing(tmp_path: Path, change: dict[str, object]) -> None:
    notice = Notice.create(tmp_path / "notified.json", Message("t", "b", "info"), ["a"])
    notice.path.write_text(json.dumps(json.loads(notice.path.read_text()) | change))
    assert Notice.read(notice.path) is None


def read_run(path: Path) -> Run:
    return RunStore(path.parent, executor_of(path.parent)).find(path.name)


def test_a_message_says_what_people_want_to_know(tmp_path: Path) -> None:
    path = write_run(tmp_path / "runs", "run-1", "failed", reason="disk full", request={"dataset": "pets"})
    record = json.loads((path / "state.json").read_text()) | {"ended_at": "2026-01-01T01:02:03+00:00"}
    (path / "state.json").write_text(json.dumps(record))
    message = describe_end(read_run(path), ("val/acc", 0.5), "https://example.org/train")
    assert (message.title, message.kind) == ("digits: failed", "failure")
    assert message.body.splitlines() == [
        "Run run-1: digits.yaml on pets",
        "Reason: disk full",
        "Best val/acc: 0.5",
        "Duration: 1 h 2 min",
        "https://example.org/train/runs/run-1",
    ]
    assert "http" not in describe_end(read_run(path), None, "").body


def test_the_best_metric_is_the_monitor(tmp_path: Path) -> None:
    path, metrics = write_run(tmp_path / "runs", "run-1", metrics=METRICS), RunMetrics(tmp_path / "scraped")
    assert best_metric(read_run(path), metrics) == ("val/acc", 0.5)
    (path / "config.yaml").write_text("checkpoint: {monitor: val/loss}\n")
    assert best_metric(read_run(path), metrics) == ("val/loss", 0.625)
    (path / "csv/version_0/metrics.csv").write_bytes(b"\xff\xfe\n")
    assert best_metric(read_run(path), metrics) is None
