"""Several executors for one folder of runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.runs.executors.executor import Executor, Gone, Needs, Pending, Ref, Running
from app.runs.executors.routing import RoutingExecutor
from tests.app.runs.executors.fake import FakeCluster, FakeExecutor
from tests.app.runs.slots import executor_of
from tests.app.runs.start.domain import WAIT_FOR_STOP, Service
from tests.waiting import wait_until
from trainer.rundir import RunDir, write_json


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    shared = FakeCluster()
    yield shared
    shared.cancel_all()


@pytest.fixture
def on_cluster(tmp_path: Path, cluster: FakeCluster) -> Service:
    """A service whose new runs go to a fake cluster with room for one run."""
    return Service(tmp_path, executor=FakeExecutor(cluster))


def here(runs_dir: Path, cluster: FakeCluster) -> RoutingExecutor:
    """Return what a service has that starts again on the same folder, with the executor of this machine."""
    return RoutingExecutor(runs_dir, executor_of(runs_dir), {"fake": lambda: FakeExecutor(cluster)})


def unused() -> Executor:
    pytest.fail("no run needs this executor")


def test_a_run_stays_with_the_executor_that_has_it(on_cluster: Service, cluster: FakeCluster, tmp_path: Path) -> None:
    running = on_cluster.start(on_cluster.python(WAIT_FOR_STOP))
    wait_until(lambda: running.directory.log.exists() and "up" in running.directory.log.read_text(), 20)
    pending = on_cluster.start(on_cluster.python("pass"))
    restarted = Service(tmp_path, executor=here(on_cluster.runs, cluster))
    assert restarted.executor.find() == {running.run_id: Running("node-1"), pending.run_id: Pending("Resources")}
    assert [run.run_id for run in restarted.store.active()] == [running.run_id]
    new = restarted.start(restarted.python("pass"))
    assert Ref.read(new.directory).executor == "local", "jobs of a cluster take no slot of this machine"
    assert restarted.stop(pending.run_id).status == "stopped"
    assert restarted.stop(running.run_id).status == "stopped"
    states = {run.run_id: run.state for run in restarted.store.list() if run.run_id != new.run_id}
    assert states == {running.run_id: "stopped", pending.run_id: "stopped"}


def test_a_run_without_executor_json_belongs_to_the_executor_that_finds_it(
    on_cluster: Service, cluster: FakeCluster, tmp_path: Path
) -> None:
    first, second = (on_cluster.start(on_cluster.python(WAIT_FOR_STOP)) for _ in range(2))
    second.directory.executor.unlink()
    executor = here(on_cluster.runs, cluster)
    assert executor.find([Ref.read(second.directory)])[second.run_id] == Pending("Resources")
    executor.end(Ref.read(first.directory))
    executor.signal(Ref.read(second.directory))  # A job that has begun meanwhile ends by itself.
    wait_until(lambda: executor.find([Ref.read(second.directory)])[second.run_id] == Gone(), 20)


def test_another_executor_is_connected_only_for_runs_that_it_may_have(tmp_path: Path) -> None:
    write_run(tmp_path / "over", {"executor": "fake"}, {"state": "completed"})
    ended = write_run(tmp_path / "ended", {"executor": "fake", "ended": {"state": "failed", "reason": "limit"}}, {})
    executor = RoutingExecutor(tmp_path, executor_of(tmp_path), {"fake": unused})
    assert executor.find([Ref.read(ended)]) == {"ended": Gone("failed", "limit")}
    assert executor.obstacle(Needs()) is None


def write_run(path: Path, executor: dict[str, object], state: dict[str, object]) -> RunDir:
    run = RunDir(path)
    run.path.mkdir()
    write_json(run.executor, executor)
    write_json(run.state, state)
    return run
