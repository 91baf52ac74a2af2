"""What every executor promises, tried with real runners."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import psutil
import pytest

from app.runs.exceptions import LaunchFailed, NoRoom, RunActive
from app.runs.executors.executor import Executor, Gone, Needs, Pending, Ref, Running
from app.runs.store.run import Run
from tests.app.runs.executors.fake import DOWN_SINCE, FakeCluster, FakeExecutor, launch_runner
from tests.app.runs.slots import executor_of
from tests.app.runs.start.domain import WAIT_FOR_STOP, Service
from tests.live.processes import is_gone
from tests.slurm.conftest import cluster as slurm  # noqa: F401
from tests.slurm.conftest import is_shared  # noqa: F401
from tests.slurm.submitted import Service as Jobs
from tests.waiting import wait_until
from trainer.rundir import read_json, write_json


@dataclass
class Engine:
    """A service with the executor under test."""

    service: Service
    another_executor: Callable[[], Executor]
    """Return the executor of another server process."""
    cluster: FakeCluster | None = None
    """The fake cluster with room for one run, if the executor is a fake."""

    @property
    def executor(self) -> Executor:
        return self.service.executor

    @property
    def is_local(self) -> bool:
        return self.executor.name == "local"

    def start(self, code: str = WAIT_FOR_STOP) -> Run:
        run = self.service.start(self.service.python(code))
        if "up" in code:
            wait_until(lambda: run.directory.log.exists() and "up" in run.directory.log.read_text(), 20)
            wait_until(lambda: self.find(run).state == "running", 20)
        return self.find(run)

    def find(self, run: Run) -> Run:
        return self.service.store.find(run.run_id)

    def found(self, run: Run) -> object:
        return self.executor.find([Ref.read(run.directory)])[run.run_id]

    def wait_for_end(self, run: Run) -> Run:
        wait_until(lambda: self.find(run).is_over, 20, lambda: self.find(run))
        wait_until(lambda: isinstance(self.found(run), Gone), 20, lambda: self.found(run))
        return self.find(run)

    def wait_until_gone(self, run: Run) -> None:
        """The local executor must know at once. A late list of SLURM's jobs may still have a run that has ended."""
        limit_s = 0 if self.is_local else 20
        wait_until(lambda: isinstance(self.found(run), Gone) and run.run_id not in self.executor.find(), limit_s)


@pytest.fixture(params=["local", "fake", pytest.param("slurm", marks=pytest.mark.live)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "local":
        yield Engine(Service(tmp_path), lambda: executor_of(tmp_path / "logs" / "runs"))
    elif request.param == "fake":
        fake = FakeCluster()
        yield Engine(Service(tmp_path, executor=FakeExecutor(fake)), lambda: FakeExecutor(fake), fake)
        fake.cancel_all()
    else:
        cluster, runs_dir = request.getfixturevalue("slurm"), tmp_path / "logs" / "runs"
        executors = [Jobs(cluster, runs_dir).executor for _ in range(2)]
        yield Engine(Service(tmp_path, executor=executors[0]), lambda: executors[1])
        for executor in executors:
            executor.close()


@pytest.fixture
def cluster(engine: Engine) -> FakeCluster:
    assert engine.cluster is not None
    return engine.cluster


FAKE = pytest.mark.parametrize("engine", ["fake"], indirect=True)
"""tests/slurm tries the same with SLURM's own daemons."""
LOCAL_OR_FAKE = pytest.mark.parametrize("engine", ["local", "fake"], indirect=True)


def test_a_run_lives_from_its_submission_to_its_verdict(engine: Engine, tmp_path: Path) -> None:
    run = engine.start(f"import os, time\nwhile not os.path.exists({str(tmp_path / 'end')!r}): time.sleep(0.01)")
    wait_until(lambda: isinstance(engine.found(run), Running), 20)
    for executor in (engine.executor, engine.another_executor()):
        assert isinstance(executor.find()[run.run_id], Running)
        assert isinstance(executor.find([Ref(run.directory)])[run.run_id], Running), "the run id alone is enough"
    assert [each.run_id for each in engine.service.store.active()] == [run.run_id]
    (tmp_path / "end").touch()
    assert engine.wait_for_end(run).state == "completed"
    engine.wait_until_gone(run)


@LOCAL_OR_FAKE
def test_a_run_is_revealed_once_it_has_room_or_a_place_in_the_queue_of_the_executor(engine: Engine) -> None:
    first = engine.start()
    if engine.cluster is None:
        with pytest.raises(RunActive):
            engine.start()
        assert engine.service.store.ids() == [first.run_id]
    else:
        second = engine.service.start(engine.service.python("pass"))
        assert (second.state, second.reason, second.is_active) == ("queued", "Resources", False)
        assert isinstance(engine.found(second), Pending)
        engine.service.stop(first.run_id, "discard")
        assert engine.wait_for_end(second).state == "completed"
        return
    engine.service.stop(first.run_id, "discard")


def test_a_stop_ends_a_running_run_and_returns_when_it_is_gone(engine: Engine) -> None:
    run = engine.start()
    assert engine.service.stop(run.run_id).status == "stopped"
    engine.wait_until_gone(run)
    assert (engine.find(run).state, engine.find(run).record["exit_code"]) == ("stopped", 0)


@FAKE
def test_a_stop_takes_a_pending_run_out_of_the_queue(engine: Engine, cluster: FakeCluster) -> None:
    first, second = engine.start(), engine.service.start(engine.service.python("pass"))
    assert engine.service.stop(second.run_id).status == "stopped"
    assert isinstance(engine.found(second), Gone)
    stopped = engine.find(second)
    assert (stopped.state, stopped.reason) == ("stopped", "stopped before its program was launched")
    assert engine.find(first).state == "running"
    engine.service.stop(first.run_id, "discard")
    assert not second.directory.log.exists()


def test_a_run_is_launched_once_however_often_it_is_submitted(engine: Engine) -> None:
    run = engine.start("print('launched')")
    engine.wait_for_end(run)
    state = read_json(run.directory.state)
    with pytest.raises(LaunchFailed, match="already launched") if engine.is_local else nullcontext():
        engine.executor.submit(run.directory, Needs(), lambda: None)
    wait_until(lambda: isinstance(engine.found(run), Gone), 20)
    assert (run.directory.log.read_text(), read_json(run.directory.state)) == ("launched\n", state)


def test_an_active_run_is_launched_once_however_often_it_is_submitted(engine: Engine) -> None:
    run = engine.start()
    if engine.is_local:
        with pytest.raises(NoRoom):
            engine.executor.submit(run.directory, Needs(), lambda: pytest.fail("it was revealed before"))
    else:
        with launch_runner(run.directory) as again:
            assert again.wait(20) == 2, "the runner refuses"
    assert engine.find(run).state == "running"
    engine.service.stop(run.run_id, "discard")
    assert run.directory.log.read_text() == "up\n"


@FAKE
def test_a_run_keeps_its_state_while_the_engine_is_away(engine: Engine, cluster: FakeCluster) -> None:
    run = engine.start()
    cluster.is_down = True
    away = engine.find(run)
    assert (away.state, away.is_active) == ("running", True)
    assert DOWN_SINCE in (away.reason or "")
    with pytest.raises(LaunchFailed, match="down"):
        engine.start()
    assert engine.service.store.ids() == [run.run_id]
    os.kill(int(run.record["runner"]["pid"]), signal.SIGKILL)
    assert engine.find(run).is_active, "nobody knows"
    cluster.is_down = False
    assert engine.wait_for_end(run).state == "interrupted"


@FAKE
def test_a_verdict_counts_whatever_the_engine_says(engine: Engine, cluster: FakeCluster) -> None:
    run = engine.start("pass")
    engine.wait_for_end(run)
    for lie in (Running("node-1"), Pending("Resources")):
        cluster.lies = {run.run_id: lie}
        assert engine.find(run).state == "completed"
        assert engine.service.store.active() == []


@LOCAL_OR_FAKE
def test_an_id_that_is_given_again_leads_to_no_other_run(engine: Engine) -> None:
    first = engine.start("pass")
    engine.wait_for_end(first)
    if engine.cluster is not None:
        engine.cluster.ids = repeat(int(Ref.read(first.directory).reference or 0))
    second = engine.start()
    if engine.cluster is None:  # Its pids are ids too.
        record = read_json(first.directory.state) or {}
        runner = record["runner"] | {"pid": second.record["runner"]["pid"]}
        write_json(first.directory.state, record | {"state": "running", "runner": runner})
    ref = Ref.read(first.directory)
    assert isinstance(engine.found(first), Gone)
    engine.executor.signal(ref)
    engine.executor.end(ref)
    assert engine.find(second).state == "running"
    assert psutil.pid_exists(int(second.record["pid"]))
    engine.service.stop(second.run_id, "discard")


ORPHAN = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], start_new_session=True)
print(child.pid, flush=True)
print("up", flush=True)
child.wait()
"""


@LOCAL_OR_FAKE
def test_nothing_is_left_of_a_run_whose_runner_is_killed(engine: Engine) -> None:
    run = engine.start("import time\nprint('up', flush=True)\ntime.sleep(1000)")
    program = psutil.Process(int(run.record["pid"]))
    os.kill(int(run.record["runner"]["pid"]), signal.SIGKILL)
    wait_until(lambda: is_gone(program), 20)
    engine.executor.tend([Ref.read(run.directory)])
    ended = engine.wait_for_end(run)
    assert (ended.state, ended.is_active) == ("interrupted", False)


@pytest.mark.parametrize("engine", ["local"], indirect=True)
def test_orphans_that_left_their_session_are_ended(engine: Engine) -> None:
    """A cluster ends by itself what a job leaves behind."""
    run = engine.start(ORPHAN)
    orphan = psutil.Process(int(run.directory.log.read_text().split()[0]))
    os.kill(int(run.record["runner"]["pid"]), signal.SIGKILL)
    assert engine.find(run).is_active, "its processes hold the slot"
    wait_until(lambda: engine.executor.tend([Ref.read(run.directory)]) or is_gone(orphan), 20)
    assert engine.wait_for_end(run).state == "interrupted"


@LOCAL_OR_FAKE
def test_an_end_kills_every_process(engine: Engine) -> None:
    run = engine.start()
    program = psutil.Process(int(run.record["pid"]))
    killed = engine.executor.end(Ref.read(run.directory))
    assert run.record["runner"]["pid"] in killed, "and the program, unless it ends with its runner before"
    wait_until(lambda: is_gone(program), 20)
    assert engine.wait_for_end(run).state == "interrupted"
