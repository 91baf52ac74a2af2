"""Execute runs as jobs of a SLURM cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from app.runs.exceptions import ExecutorAway, LaunchFailed, NoRoom
from app.runs.executors.executor import Found, Gone, Needs, Pending, Processes, Ref, Running, Unreachable
from app.runs.executors.slurm.absences import Absences
from app.runs.executors.slurm.cancellations import Cancellations
from app.runs.executors.slurm.commands import Commands, SlurmAway, SlurmError
from app.runs.executors.slurm.endings import ending
from app.runs.executors.slurm.heartbeats import Heartbeats
from app.runs.executors.slurm.job import Job
from app.runs.executors.slurm.listing import Listings
from app.runs.executors.slurm.submission import Submissions
from app.runs.executors.unfinished import find_unfinished, run_names
from app.runs.filelock import locked_in_turn
from app.runs.filestate import Remembered, file_states
from trainer.experiment.accelerators import Machine
from trainer.rundir import RunDir, is_there
from trainer.runner.statefile import has_verdict, read_record

CLOCK = "clock"
"""A file beside the runs, to read the clock of their file system."""
TURN = "slurm.lock"
ADVICE = (
    "SLURM decides when a run starts, and its job has the run's id as its name. `scontrol hold jobname=RUN_ID` holds a "
    "job, `scontrol release jobname=RUN_ID` releases it, and `scontrol update jobname=RUN_ID nice=100` lets others go "
    "first. Options for every job, such as --nice and --qos, belong in TRAINING_SLURM_OPTIONS."
)


class SlurmExecutor:
    """The executor of a cluster. All that it knows comes from SLURM's list of jobs and the runs' heartbeats."""

    name = "slurm"

    def __init__(
        self,
        runs_dir: Path,
        commands: Commands,
        submissions: Submissions,
        listings: Listings,
        max_active: int | None = None,
    ) -> None:
        """`max_active`: how many runs SLURM may have at a time. None: SLURM's queue takes every run."""
        self._runs_dir = runs_dir
        self._submissions = submissions
        self._listings = listings
        self._max_active = max_active
        self.queue_advice = ADVICE if max_active is None else None
        self._heartbeats = Heartbeats(runs_dir.parent / CLOCK)
        self._absences = Absences()
        self._met_at: dict[str, float] | None = None
        """When this process first saw each run that may be alive, by time.monotonic()."""
        self._named_at: dict[str, float] = {}
        """When it first saw the id of each one's job."""
        self._names: Remembered[frozenset[str]] = Remembered(frozenset(), {})
        """All runs that it has seen."""
        self._ended: dict[str, Gone] = {}
        """How runs without a verdict have ended."""
        self._unrecorded: dict[str, Gone] = {}
        """Those ends that executor.json may not hold yet."""
        self._cancellations = Cancellations(commands, listings)

    @classmethod
    def connect(
        cls,
        runs_dir: Path,
        commands: Commands,
        options: Sequence[str],
        project_root: Path,
        max_active: int | None = None,
    ) -> SlurmExecutor:
        return cls(runs_dir, commands, Submissions(commands, options, project_root), Listings(commands), max_active)

    @property
    def num_gpus(self) -> int | None:
        return None  # The nodes may differ.

    def accelerators(self) -> Machine | None:
        return None

    def obstacle(self, needs: Needs) -> str | None:
        """Say if SLURM has `max_active` runs. Ignore runs with a verdict, which are about to leave its list."""
        if self._max_active is None:
            return None
        runs = [run for run_id in self.find() if not has_verdict(read_record(run := RunDir(self._runs_dir / run_id)))]
        num_runs = len(runs)
        return f"{num_runs} of {self._max_active} runs are submitted" if num_runs >= self._max_active else None

    def problem(self) -> str | None:
        self._known()
        self._listings.advance()
        since = self._listings.unreachable_since
        return None if since is None else f"SLURM has not answered since {since}"

    def submit(self, run: RunDir, needs: Needs, reveal: Callable[[], None]) -> Ref:
        """Submit the job of a run, which may wait in SLURM's queue. See Executor.submit."""
        if (problem := self.problem()) is not None:
            raise ExecutorAway(problem, None)
        if self._max_active is None:
            return self._submit(run, needs, reveal)
        with locked_in_turn(self._runs_dir.parent / TURN):
            self._listings.wait()  # Another service process may have submitted a run a moment ago.
            if not self._has_live_job(Ref(run)) and self.obstacle(needs) is not None:
                raise NoRoom
            return self._submit(run, needs, reveal)

    def _submit(self, run: RunDir, needs: Needs, reveal: Callable[[], None]) -> Ref:
        if Ref.read(run).executor == self.name:
            self._listings.wait()  # We submitted the run before, and SLURM's answer may have been lost.
        if (job := self._job(Ref(run))) is not None and not job.has_ended:
            return Ref(run, self.name, job.job_id)
        met_at = self._known()
        met_at[run.run_id] = float("inf")  # No list of jobs can have it before it is submitted.
        try:
            reveal()
            ref = Ref(run, self.name)
            ref.write()
            ref = replace(ref, reference=self._submissions.submit(run, needs))
            ref.write()
        except SlurmAway as error:
            raise ExecutorAway(f"SLURM does not answer: {error}", None) from error
        except SlurmError as error:
            raise LaunchFailed(f"SLURM rejected the run: {error}", None) from error
        finally:
            met_at[run.run_id] = time.monotonic()
            self._listings.hurry()
        return ref

    def find(self, refs: Iterable[Ref] = ()) -> Mapping[str, Found]:
        met_at, asked = self._known(), {ref.run_id: ref for ref in refs}
        self._listings.advance(is_idle=not met_at)
        here = str(self._runs_dir)
        for folder, job in self._listings.last.jobs.items():
            parent, _, name = folder.rpartition("/")
            if parent == here and not job.has_ended:
                met_at.setdefault(name, time.monotonic())
        found: dict[str, Found] = {}
        for run_id in {**met_at, **asked}:
            found[run_id] = self._judge(asked.get(run_id) or Ref(RunDir(self._runs_dir / run_id), self.name))
            if isinstance(gone := found[run_id], Gone):
                met_at.pop(run_id, None)
                self._named_at.pop(run_id, None)
                if gone.state is not None and self._ended.get(run_id) != gone:
                    self._ended[run_id] = self._unrecorded[run_id] = gone
        return {run_id: each for run_id, each in found.items() if run_id in asked or not isinstance(each, Gone)}

    def signal(self, ref: Ref) -> None:
        """Cancel the job if it is pending, else signal its runner, which also finds stop.json by itself."""
        only = ("--state=RUNNING", "--batch", "--signal=TERM")  # SLURM tries for 95 s to signal a pending job.
        self._scancel(ref, [("--state=PENDING",), only])

    def end(self, ref: Ref) -> Collection[int]:
        if self._cancellations.is_due("end", ref.run_id):
            self._scancel(ref, [("--state=RUNNING", "--full", "--signal=KILL"), ()])
        return []

    def tend(self, refs: Iterable[Ref], expects_our_trainer: bool = False) -> None:
        """Write to executor.json what SLURM forgets, and cancel the pending runs that were stopped."""
        for ref in (*refs, *self._cancelled()):
            found, job = self.find([ref])[ref.run_id], self._job(ref)
            if isinstance(found, Gone):
                continue
            if job is not None and (ref.reference, ref.node) != (job.job_id, job.node):
                self._write(replace(ref, executor=self.name, reference=job.job_id, node=job.node))
            if (
                isinstance(found, Pending)
                and self._is_unwanted(ref.run)
                and self._cancellations.is_due("signal", ref.run_id)
            ):
                self.signal(ref)
        for run_id, gone in list(self._unrecorded.items()):
            if self._record_end(Ref.read(RunDir(self._runs_dir / run_id)), gone):
                del self._unrecorded[run_id]

    def processes(self, ref: Ref) -> Processes:
        return Processes(None, [])

    def close(self) -> None:
        self._listings.close()

    def _known(self) -> dict[str, float]:
        """Return when this process first saw each run that may be alive, also those of other service processes.

        The first call waits for a list of jobs.
        """
        now = time.monotonic()
        if self._met_at is None:
            # Without a lock: under eventlet a thread of offload_for would wait for it forever.
            names, ours = self._find_new()
            self._listings.wait()
            if self._met_at is None:
                self._named_at = {ref.run_id: now for ref in ours if ref.reference is not None}
                self._met_at, self._names = {ref.run_id: now for ref in ours}, names
        elif not self._names.is_current():
            self._names, ours = self._find_new()
            for ref in ours:
                self._met_at.setdefault(ref.run_id, now)
        return self._met_at

    def _find_new(self) -> tuple[Remembered[frozenset[str]], list[Ref]]:
        """Return the names of all runs, and the unfinished ones on the cluster that this process has not seen yet."""
        states = file_states([self._runs_dir])
        names = Remembered(run_names(self._runs_dir), states)
        new = find_unfinished(self._runs_dir, names.value - self._names.value)
        return names, [ref for ref in new if ref.executor == self.name]

    def _judge(self, ref: Ref) -> Found:
        if (known_end := ref.ended or self._ended.get(ref.run_id)) is not None and not self._has_live_job(ref):
            return known_end
        job = self._job(ref)
        if ref.executor != self.name and not self._has_live_job(ref) and not self._may_become_ours(ref):
            return Gone()
        if job is None or job.has_ended:
            if (gone := self._judge_without_job(ref, job)) is not None:
                return gone
            lives: Pending | Running = Running(ref.node) if is_there(ref.run.state) else Pending()
        else:
            lives = Pending(job.reason and f"SLURM: {job.reason}") if job.is_pending else Running(job.node)
        since = self._listings.unreachable_since
        if since is None:
            return lives
        return Gone() if has_verdict(read_record(ref.run)) else Unreachable(since, lives)

    def _judge_without_job(self, ref: Ref, job: Job | None) -> Gone | None:
        """Judge a run whose job is not listed or has ended. None: it may be alive all the same."""
        assert self._met_at is not None
        met_at = self._met_at.setdefault(ref.run_id, time.monotonic())
        if has_verdict(read_record(ref.run)):
            return Gone()
        if job is None and self._listings.last.begun_at <= met_at:
            return None  # The job may be newer than the list.
        if self._heartbeats.is_beating(ref.run):
            return None
        if job is None and is_there(ref.run.queued):
            return Gone()  # An earlier submission has failed, and the run waits for the next one.
        return None if job is None and self._may_lack(ref.run) else ending(ref.run, job)

    def _may_lack(self, run: RunDir) -> bool:
        """Whether the list of jobs may lack a run's job, because another service process has just submitted it."""
        if Ref.read(run).reference is None:
            return self._heartbeats.is_new(run)
        return self._listings.last.begun_at <= self._named_at.setdefault(run.run_id, time.monotonic())

    def _is_unwanted(self, run: RunDir) -> bool:
        """Whether a pending run was stopped or cancelled, or its directory was removed.

        Without a directory the run may be one whose submission seemed to fail, because SLURM's answer was lost.
        """
        return is_there(run.stop) or _is_cancelled(run) or self._absences.is_removed(run.path)

    def _cancelled(self) -> list[Ref]:
        """Return the pending runs that were cancelled: SLURM was away, or the service was killed right afterwards."""
        pending = (run_id for run_id, each in self.find().items() if isinstance(each, Pending))
        runs = (RunDir(self._runs_dir / run_id) for run_id in pending)
        return [Ref.read(run) for run in runs if _is_cancelled(run)]

    def _may_become_ours(self, ref: Ref) -> bool:
        """Whether a service process may be about to write executor.json. A run in our queue is not that far."""
        has_no_place = not is_there(ref.run.queued) and not is_there(ref.run.stop)
        return ref.executor is None and has_no_place and self._heartbeats.is_new(ref.run)

    def _job(self, ref: Ref) -> Job | None:
        return self._listings.last.jobs.get(str(self._runs_dir / ref.run_id))

    def _has_live_job(self, ref: Ref) -> bool:
        job = self._job(ref)
        return job is not None and not job.has_ended

    def _record_end(self, ref: Ref, gone: Gone) -> bool:
        """Write how a run ended, which SLURM soon forgets. Return False to try again."""
        return ref.ended is not None or not is_there(ref.run.path) or self._write(replace(ref, ended=gone))

    def _write(self, ref: Ref) -> bool:
        """Write executor.json. Return whether that was possible: the disk may be full."""
        try:
            ref.write()
        except OSError:
            return False
        return True

    def _scancel(self, ref: Ref, variants: Sequence[Sequence[str]]) -> None:
        job = self._job(ref)
        job_id = ref.reference or (job.job_id if job is not None else None)
        if job_id is not None:  # Else the job is being submitted, and will find stop.json when it begins.
            self._cancellations.begin(ref.run_id, job_id, variants)


def _is_cancelled(run: RunDir) -> bool:
    """Whether the run has a verdict although no runner began."""
    record = read_record(run)
    return has_verdict(record) and "runner" not in record
