"""The executor on a cluster, without a server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.runs.exceptions import ExecutorAway, LaunchFailed
from app.runs.executors.executor import Gone, Needs, Pending, Ref, Running, Unreachable
from app.runs.queue.ending import end_unlaunched
from app.runs.store.states import compose
from tests.slurm.cluster import CONTROLLER, PATH, Cluster
from tests.slurm.submitted import Service, age, kill, runner, service, stepd
from tests.waiting import wait_until
from trainer.rundir import RunDir, write_json
from trainer.runner.verdict import NEVER_LAUNCHED, STOPPED

SAVING = ("save_on_signal.py", "saved", "--takes", "0")
HELD = Pending("SLURM: JobHeldUser")


@pytest.fixture
def ours(cluster: Cluster, tmp_path: Path) -> Iterator[Service]:
    """A service whose runs get a GPU."""
    with service(cluster, tmp_path / "runs", "--gres=gpu:1") as running:
        yield running


@pytest.fixture
def holding(cluster: Cluster, ours: Service) -> Iterator[Service]:
    """A service for the same folder of runs, whose runs wait until somebody releases them."""
    with service(cluster, ours.runs_dir, "--hold") as running:
        yield running


def start(ours: Service, name: str) -> RunDir:
    """Return a run whose program is ready, and that SLURM lists as running."""
    run = ours.submit(name, *SAVING, cwd=str(ours.runs_dir))
    ours.wait_until_ready(run)
    wait_until(lambda: getattr(ours.find(run), "node", None), 20, lambda: ours.find(run))
    return run


def hold(holding: Service, name: str) -> RunDir:
    run = holding.submit(name, *SAVING, cwd=str(holding.runs_dir))
    wait_until(lambda: holding.find(run) == HELD, 20, lambda: holding.find(run))
    return run


def test_a_run_from_submission_to_verdict(ours: Service, cluster: Cluster, tmp_path: Path) -> None:
    go = tmp_path / "go"
    run = ours.submit("from-start", "exit_when_told.py", str(go), "0")
    assert Ref.read(run).reference in cluster.run("squeue", "--noheader", "--format=%i").split()
    assert isinstance(ours.find(run), Pending | Running), "a list of jobs without the run's job proves nothing yet"
    ours.wait_until_ready(run)
    state = run.read_json(run.state) or {}
    assert (state["state"], state["host"], state["gpus"]) == ("running", "n1", ["0"])
    assert not [name for name in runner(run).environ() if name.startswith("TRAINING_")]
    assert runner(run).environ()["HOME"], "the job has the environment of a login"
    go.touch()
    assert ours.wait_for_verdict(run)["state"] == "completed"
    # A list of jobs that was late may follow a list without the job, or an answer without any list.
    wait_until(lambda: isinstance(ours.find(run), Gone) and run.run_id not in ours.executor.find(), 20)


def test_a_stop_lets_a_running_run_save(ours: Service) -> None:
    run = start(ours, "saves")
    ours.stop(run)
    state = ours.wait_for_verdict(run)
    assert (state["state"], state["reason"]) == ("stopped", None)
    assert (ours.runs_dir / "saved").exists()


def test_a_stop_cancels_a_pending_run(ours: Service, holding: Service) -> None:
    run = hold(holding, "pending")
    holding.stop(run)
    assert compose(run, {}, holding.wait_for(run, Gone)) == ("stopped", NEVER_LAUNCHED)
    assert not run.state.exists()


def test_a_pending_run_that_was_cancelled_while_slurm_was_away_leaves_slurms_queue(holding: Service) -> None:
    run = hold(holding, "cancelled")
    end_unlaunched(run, STOPPED, NEVER_LAUNCHED)
    write_json(run.stop, {})
    wait_until(lambda: holding.executor.tend([]) or run.run_id not in holding.executor.find(), 20)


def test_a_run_waits_with_slurms_reason_until_the_drained_nodes_are_back(ours: Service, cluster: Cluster) -> None:
    running = start(ours, "running")
    cluster.run("scontrol", "update", "nodename=n1,n2", "state=drain", "reason=test")
    try:
        waiting = ours.submit("waiting", "exit_with.py", "0", gpus=0)
        found = wait_until(lambda: isinstance(each := ours.find(waiting), Pending) and each.reason, 20)
        assert str(found).startswith("SLURM: ")
        assert isinstance(ours.find(running), Running)
    finally:
        cluster.run("scontrol", "update", "nodename=n1,n2", "state=resume")
    state = ours.wait_for_verdict(waiting)
    assert (state["state"], state["gpus"]) == ("completed", []), "a run without GPUs sees none"


def test_a_controller_that_was_killed_interrupts_nothing(ours: Service, holding: Service, cluster: Cluster) -> None:
    running, pending = start(ours, "running"), hold(holding, "known-to-be-pending")
    wait_until(lambda: ours.find(pending) == HELD, 20, lambda: ours.find(pending))
    cluster.wait_until_saved(pending.run_id)
    cluster.kill(CONTROLLER)
    ours.wait_for(running, Unreachable)
    assert {run_id: each.last for run_id, each in ours.executor.find().items() if isinstance(each, Unreachable)} == {
        "running": Running("n1"),
        "known-to-be-pending": HELD,
    }
    with pytest.raises(LaunchFailed, match="SLURM has not answered since"):
        ours.submit("too-early", *SAVING)
    with service(cluster, ours.runs_dir) as restarted:
        assert {type(each) for each in restarted.executor.find().values()} == {Unreachable}
        assert restarted.executor.find().keys() == {running.run_id, pending.run_id}
        ours.stop(running)
        assert ours.wait_for_verdict(running)["state"] == "stopped", "the runner finds the stop without SLURM"
        write_json(pending.stop, {"mode": "save"})
        cluster.start_missing()
        restarted.wait_for(pending, Pending)
        restarted.executor.tend([Ref.read(pending)])
        restarted.wait_for(pending, Gone)


def test_a_killed_slurmd_interrupts_nothing(ours: Service, holding: Service, cluster: Cluster) -> None:
    run, pending = start(ours, "running"), hold(holding, "pending-without-slurmd")
    cluster.kill("n1")
    cluster.kill("n2")
    cluster.run("scontrol", "release", f"jobname={pending.run_id}")
    assert isinstance(ours.find(run), Running)
    assert isinstance(holding.find(pending), Pending)
    cluster.start_missing()
    holding.wait_until_ready(pending)
    for its, each in ((ours, run), (holding, pending)):
        its.stop(each)
        assert its.wait_for_verdict(each)["state"] == "stopped"


def test_a_run_saves_when_its_slurmstepd_is_killed(ours: Service) -> None:
    run = start(ours, "running")
    kill(stepd(run))
    state = ours.wait_for_verdict(run)
    assert (state["state"], "slurmstepd" in state["reason"]) == ("interrupted", True)
    assert (ours.runs_dir / "saved").exists()


def test_a_killed_program_fails_the_run(ours: Service) -> None:
    run = start(ours, "running")
    kill(psutil.Process((run.read_json(run.state) or {})["pid"]))
    assert ours.wait_for_verdict(run)["reason"] == "killed by SIGKILL"


def test_a_killed_runner_interrupts_the_run_once_its_heartbeat_is_old(ours: Service, cluster: Cluster) -> None:
    run = start(ours, "runner-killed")
    kill(runner(run))
    wait_until(lambda: cluster.state_of(run.run_id) == "FAILED", 20)
    assert isinstance(ours.find(run), Running), "SLURM may be wrong about a run whose heart beats"
    age(run)
    assert ours.wait_for(run, Gone) == Gone("interrupted", "the runner was killed (n1)")
    with service(cluster, ours.runs_dir) as restarted:
        restarted.wait_for(run, Gone)
        restarted.executor.tend([])
    cluster.lose_jobs()
    with service(cluster, ours.runs_dir) as restarted:
        assert restarted.find(run) == Gone("interrupted", "the runner was killed (n1)"), "executor.json remembers it"


def test_everything_is_killed_at_once(ours: Service, holding: Service, cluster: Cluster) -> None:
    running, pending = start(ours, "running"), hold(holding, "pending-when-all-is-killed")
    cluster.wait_until_saved(pending.run_id)
    for daemon in (CONTROLLER, "n1", "n2"):
        cluster.kill(daemon)
    kill(stepd(running), runner(running), *runner(running).children())
    cluster.start_missing()
    with service(cluster, ours.runs_dir) as restarted:
        age(running)
        restarted.wait_for(pending, Pending)
        assert restarted.find(running) == Running("n1"), "SLURM takes minutes to notice"
        cluster.run("scancel", f"--name={running.run_id}")
        gone = restarted.wait_for(running, Gone)
        assert isinstance(gone, Gone)
        assert gone.state == "interrupted"


def test_scancel_by_hand_interrupts(ours: Service, holding: Service, cluster: Cluster) -> None:
    running, pending = start(ours, "running"), hold(holding, "pending")
    cluster.run("scancel", "--name=running")
    cluster.run("scancel", "--name=pending")
    state = ours.wait_for_verdict(running)
    assert (state["state"], "scancel" in state["reason"]) == ("interrupted", True)
    gone = holding.wait_for(pending, Gone)
    assert isinstance(gone, Gone)
    assert (gone.state, "scancel" in str(gone.reason)) == ("interrupted", True)


def test_a_job_id_that_is_given_again_is_another_run(ours: Service, holding: Service, cluster: Cluster) -> None:
    lost = hold(holding, "lost")
    cluster.lose_jobs()
    gone = holding.wait_for(lost, Gone)
    assert isinstance(gone, Gone)
    assert gone.state == "interrupted"
    jobs = [hold(holding, f"next{number}") for number in range(int(Ref.read(lost).reference or 0))]
    same = next(run for run in jobs if Ref.read(run).reference == Ref.read(lost).reference)
    holding.executor.signal(Ref.read(lost))
    holding.executor.end(Ref.read(lost))
    assert holding.find(same) == HELD
    assert cluster.state_of(same.run_id) == "PENDING"


def test_a_job_that_cannot_begin_fails_with_what_it_printed(ours: Service) -> None:
    run = ours.submit("broken", *SAVING)
    run.run.write_text("{}")
    gone = ours.wait_for(run, Gone)
    assert gone == Gone("failed", "the job ended before the run began: KeyError: 'program'")


def test_a_run_whose_submission_got_no_answer_is_not_submitted_again(
    ours: Service, cluster: Cluster, tmp_path: Path
) -> None:
    sbatch = tmp_path / "sbatch"
    real = shutil.which("sbatch", path=PATH)
    sbatch.write_text(f'#!/bin/sh\n{real} "$@" > /dev/null\necho connection timed out >&2\nexit 1\n')
    sbatch.chmod(0o755)
    with service(cluster, ours.runs_dir, "--hold", path=f"{tmp_path}:{PATH}") as unlucky:
        with pytest.raises(ExecutorAway, match="timed out"):
            unlucky.submit("lost", *SAVING)
        lost = RunDir(ours.runs_dir / "lost")
        again = unlucky.executor.submit(lost, Needs(), lambda: None)
        assert again.reference == cluster.run("squeue", "--noheader", "--name=lost", "--format=%i")
        shutil.rmtree(lost.path)
        assert isinstance(unlucky.find(lost), Pending), "a run that waits is not gone without its directory"


def test_slurms_refusal_is_the_reason(ours: Service) -> None:
    with pytest.raises(LaunchFailed, match="Requested node configuration is not available"):
        ours.submit("too-large", *SAVING, gpus=3)


def test_a_time_limit_without_room_for_the_grace_period_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    too_short = pytest.raises(LaunchFailed, match="time limit of 1:00 is too short for a grace period of 30 s")
    with service(cluster, tmp_path / "runs", "--partition=short") as ours, too_short:
        ours.submit("too-long", *SAVING, stop={"signal": "SIGTERM", "grace_s": 30})


@pytest.mark.slow
def test_a_run_saves_before_the_time_limit_and_fails(cluster: Cluster, tmp_path: Path) -> None:
    with service(cluster, tmp_path / "runs", "--partition=short") as ours:
        run = ours.submit("limited", *SAVING, cwd=str(tmp_path))
        state = ours.wait_for_verdict(run, timeout_s=90)
        assert (state["state"], state["reason"]) == ("failed", "SLURM time limit reached")
        assert (tmp_path / "saved").exists()
