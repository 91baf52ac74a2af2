"""TRAINING_MAX_ACTIVE on a cluster: what is beyond it waits in our queue."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.runs.exceptions import NoRoom, RunActive
from app.runs.executors.executor import Needs, Ref
from tests.app.runs.start.domain import WAIT_FOR_STOP, Service
from tests.slurm.cluster import Cluster
from tests.slurm.submitted import service as jobs_of
from tests.waiting import wait_until


@pytest.fixture
def service(cluster: Cluster, tmp_path: Path) -> Iterator[Service]:
    """A service with room for one run on the cluster, pending or running."""
    with jobs_of(cluster, tmp_path / "logs" / "runs", max_active=1) as jobs:
        yield Service(tmp_path, executor=jobs.executor)


def test_runs_beyond_the_limit_wait_in_our_queue(service: Service) -> None:
    first = service.start(service.python(WAIT_FOR_STOP))
    wait_until(lambda: first.directory.log.exists() and "up" in first.directory.log.read_text(), 20)
    with pytest.raises(RunActive, match=f"Run {first.run_id} is active"):
        service.start(service.python("pass"))
    second = service.enqueue(service.python("pass"))
    third = service.enqueue(service.python("pass"), priority=1)
    assert service.queue.ids() == [third.run_id, second.run_id]
    assert service.queue.describe(service.obstacle)["runs"][0]["reason"] == "1 of 1 runs are submitted"
    assert not service.dispatcher.step()

    assert service.stop(third.run_id).status == "stopped"
    assert service.stop(first.run_id).status == "stopped"
    wait_until(service.dispatcher.step, 20, lambda: service.queue.describe(service.obstacle))
    assert service.store.find(second.run_id).state != "interrupted", "SLURM's last list of jobs is older than its job"
    wait_until(lambda: service.store.find(second.run_id).state == "completed", 20)


def test_two_service_processes_keep_the_limit_together(service: Service, cluster: Cluster) -> None:
    service.queue.pause(True)
    runs = [service.enqueue(service.python(WAIT_FOR_STOP)).directory for _ in range(2)]
    with (
        jobs_of(cluster, service.runs, "--hold", max_active=1) as one,
        jobs_of(cluster, service.runs, "--hold", max_active=1) as two,
        ThreadPoolExecutor(2) as threads,
    ):
        submissions = [
            threads.submit(each.executor.submit, run, Needs(), lambda: None)
            for each, run in zip((one, two), runs, strict=True)
        ]
        errors = [each.exception() for each in submissions]
        assert sorted(type(error) for error in errors if error is not None) == [NoRoom]
        submitted = runs[errors.index(None)]
        again = one.executor.submit(submitted, Needs(), lambda: None)
        assert again.reference == Ref.read(submitted).reference, "a run whose job is there is not submitted again"
