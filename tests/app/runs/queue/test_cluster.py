"""Our queue before a cluster, and beside a cluster whose own queue takes every run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.runs.exceptions import ExecutorAway, InvalidStart, NoQueue, NotQueued
from app.runs.executors.executor import Gone, Needs
from tests.app.runs.executors.fake import FakeCluster, FakeExecutor
from tests.app.runs.start.domain import WAIT_FOR_STOP, Service
from tests.waiting import wait_until

ADVICE = "Ask the cluster."


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    shared = FakeCluster()
    yield shared
    shared.cancel_all()


def test_queued_runs_outlast_an_executor_that_does_not_answer(tmp_path: Path, cluster: FakeCluster) -> None:
    service = Service(tmp_path, executor=FakeExecutor(cluster))
    cluster.is_down = True
    run = service.enqueue(service.python("pass"))
    assert service.queue.describe(service.obstacle)["runs"][0]["reason"] == "the cluster is down"
    assert not service.dispatcher.step()
    with pytest.raises(ExecutorAway):
        service.executor.submit(run.directory, Needs(), lambda: None)
    cluster.is_down = False
    assert service.dispatcher.step()
    wait_until(lambda: isinstance(service.executor.find().get(run.run_id, Gone()), Gone), 20)
    assert service.store.find(run.run_id).state == "completed"


def test_what_only_the_queue_of_the_executor_can_do_is_refused_with_its_advice(
    tmp_path: Path, cluster: FakeCluster
) -> None:
    service = Service(tmp_path, executor=FakeExecutor(cluster, ADVICE))
    running, pending = (service.start(replace(service.python(WAIT_FOR_STOP), gpus=2)) for _ in range(2))
    with pytest.raises(NotQueued, match=ADVICE):
        service.queue.move(pending.run_id, 1)
    with pytest.raises(NotQueued, match=r"it is (running|starting)"):
        service.queue.move(running.run_id, 1)
    with pytest.raises(NotQueued, match=r"it is (running|starting)"):
        service.cancel(running.run_id)
    with pytest.raises(NoQueue, match=ADVICE):
        service.queue.pause(is_paused=True)
    service.queue.pause(is_paused=False)
    with pytest.raises(InvalidStart) as refused:
        service.start(replace(service.python("pass"), priority=1))
    assert ADVICE in refused.value.errors["priority"][0]
    described = service.queue.describe(service.obstacle)
    shown = [(each["run_id"], each["queued_at"], each["gpus"]) for each in described["runs"]]
    assert (described["pausable"], shown) == (False, [(pending.run_id, pending.created_at, 2)])
    service.cancel(pending.run_id)
    assert service.store.find(pending.run_id).state == "stopped"
    assert [job.run.run_id for job in cluster.jobs.values()] == [running.run_id]
