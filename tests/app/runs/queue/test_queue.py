"""Runs wait in the queue, are moved, cancelled, paused and launched."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app.runs import exceptions
from app.runs.queue.entry import Entry
from app.runs.queue.queue import PAUSED
from app.runs.retention.trash import Trash
from tests.app.runs.executors.fake import FakeCluster, FakeExecutor
from tests.app.runs.slots import queue_of, store_of
from tests.app.runs.start.domain import WAIT_FOR_STOP, Service
from tests.waiting import wait_until


def described(service: Service) -> list[tuple[str, int | None, str | None]]:
    body = service.queue.describe(service.obstacle)
    return [(run["run_id"], run["position"], run["reason"]) for run in body["runs"]]


def end_active(service: Service) -> None:
    for run in service.store.active():
        service.stop(run.run_id, "discard")


def test_a_queued_run_waits_with_its_frozen_experiment_and_starts_when_the_slot_is_free(service: Service) -> None:
    run = service.enqueue(service.python("print(6 * 7)"))
    assert (run.state, run.is_active, run.is_over, run.pid) == ("queued", False, False, None)
    content = json.loads(run.directory.queued.read_text())
    assert (content["priority"], content["gpus"]) == (0, None)
    assert described(service) == [(run.run_id, 1, "1 of 1 runs are active")]
    assert not service.dispatcher.step()
    shutil.rmtree(service.configs)  # What was frozen counts.
    end_active(service)
    assert service.dispatcher.step()
    assert not run.directory.queued.exists()
    wait_until(lambda: service.store.find(run.run_id).state == "completed", 10)
    assert run.directory.log.read_text() == "42\n"
    assert json.loads(run.directory.executor.read_text())["executor"] == "local"
    assert described(service) == []


def test_a_run_that_need_not_wait_starts_at_once(tmp_path: Path) -> None:
    service = Service(tmp_path)
    started = service.request(replace(service.python("pass"), queue=True))
    assert (started.is_queued, started.position) == (False, None)
    wait_until(lambda: service.store.find(started.run.run_id).is_over, 10)


def test_nobody_starts_before_those_who_wait(service: Service) -> None:
    first = service.enqueue(service.python("pass"))
    end_active(service)
    with pytest.raises(exceptions.QueueWaits, match=first.run_id):
        service.start(service.python("pass"))
    second = service.enqueue(service.python("pass"))
    assert [run_id for run_id, _, _ in described(service)] == [first.run_id, second.run_id]
    service.queue.pause(True)
    run = service.start(service.python("pass"))  # Whoever pauses the queue has a reason to.
    wait_until(lambda: service.store.find(run.run_id).is_over, 10)


def test_a_paused_queue_launches_nothing_until_it_is_resumed(service: Service) -> None:
    run = service.enqueue(service.python("pass"))
    service.queue.pause(True)
    end_active(service)
    assert not service.dispatcher.step()
    assert described(service) == [(run.run_id, 1, PAUSED)]
    assert queue_of(store_of(service.runs)).is_paused, "other processes and a restarted one see it"
    service.queue.pause(False)
    assert service.dispatcher.step()
    wait_until(lambda: service.store.find(run.run_id).state == "completed", 10)


def test_runs_are_moved_and_a_later_run_stands_behind_them(service: Service) -> None:
    a, b, c = (service.enqueue(service.python("pass")).run_id for _ in range(3))
    service.queue.move(c, 1)
    assert [run_id for run_id, _, _ in described(service)] == [c, a, b]
    service.queue.move(a, 99)
    d = service.enqueue(service.python("pass")).run_id
    urgent = service.enqueue(service.python("pass"), priority=5).run_id
    assert [(run_id, place) for run_id, place, _ in described(service)] == [
        (urgent, 1), (c, 2), (b, 3), (a, 4), (d, 5)
    ]  # fmt: skip
    assert [entry.run_id for entry in queue_of(store_of(service.runs)).waiting()] == [urgent, c, b, a, d]
    with pytest.raises(exceptions.NotQueued, match="it is running"):
        service.queue.move(service.store.active()[0].run_id, 1)
    for unknown in ("none", "../x"):
        with pytest.raises(exceptions.RunNotFound):
            service.queue.move(unknown, 1)


def test_a_queued_run_is_cancelled_by_a_stop_and_then_deleted(service: Service) -> None:
    run = service.enqueue(service.python("pass"))
    with pytest.raises(exceptions.RunQueued):
        service.store.delete(run.run_id)
    assert service.stop(run.run_id).status == "stopped"
    cancelled = service.store.find(run.run_id)
    assert (cancelled.state, cancelled.reason) == ("stopped", "stopped before its program was launched")
    assert described(service) == []
    assert len(service.store.active()) == 1, "the active run goes on"
    end_active(service)
    assert not service.dispatcher.step()
    assert not cancelled.directory.log.exists()
    service.store.delete(run.run_id)


def test_a_cancelled_run_never_begins_even_if_its_launch_has_begun(service: Service) -> None:
    run = service.enqueue(service.python("pass"))
    end_active(service)

    def cancel(entry: Entry) -> None:
        service.cancel(entry.run_id)

    assert service.dispatcher_with(cancel).step(), "the dispatcher launches a run that is cancelled at that moment"
    cancelled = service.store.find(run.run_id)
    assert (cancelled.state, cancelled.reason) == ("stopped", "stopped before its program was launched")
    assert not run.directory.log.exists()
    assert described(service) == []
    with pytest.raises(exceptions.NotQueued, match="it is stopped"):
        service.cancel(run.run_id)


def test_a_run_that_has_begun_is_not_cancelled(service: Service) -> None:
    run = service.enqueue(service.python(WAIT_FOR_STOP))
    end_active(service)
    assert service.dispatcher.step()
    with pytest.raises(exceptions.NotQueued, match="it is running"):
        service.cancel(run.run_id)
    assert not run.directory.stop.exists()
    for unknown in ("none", "../x"):
        with pytest.raises(exceptions.RunNotFound):
            service.cancel(unknown)


def test_what_a_queued_run_resumes_from_is_not_deleted_and_without_it_the_run_fails(tmp_path: Path) -> None:
    service = Service(tmp_path)
    save = "import os; open(os.environ['TRAINER_OUTPUT_DIR'] + '/last.pt', 'w').close()"
    request = service.python(save, resume=["{resume_dir}/last.pt"])
    earlier = service.start(request)
    wait_until(lambda: service.store.find(earlier.run_id).is_over, 10)
    service.queue.pause(True)
    resuming = replace(request, resume_from=earlier.run_id)
    whole, without_file, without_folder = (service.enqueue(resuming) for _ in range(3))
    after = service.enqueue(service.python("pass"))
    for delete in (service.store.delete, Trash(service.store, tmp_path / "trash").put):
        with pytest.raises(exceptions.RunNeeded, match=f"is queued and resumes from run {earlier.run_id}"):
            delete(earlier.run_id)
    service.queue.pause(False)
    losses = [
        lambda: None,
        (earlier.directory.output / "last.pt").unlink,
        lambda: shutil.rmtree(earlier.directory.path),
    ]
    for lose in losses:
        lose()
        wait_until(service.dispatcher.step, 10)
    wait_until(service.dispatcher.step, 10)
    wait_until(lambda: service.store.find(after.run_id).state == "completed", 10)
    ended = [service.store.find(run.run_id) for run in (whole, without_file, without_folder)]
    assert [(run.state, run.reason) for run in ended] == [
        ("completed", None),
        ("failed", f"run {earlier.run_id} no longer has the files to resume from"),
        ("failed", f"run {earlier.run_id}, from which it resumes, is gone"),
    ]


def test_a_stop_without_an_id_stops_the_active_run_and_not_a_queued_one(service: Service) -> None:
    run = service.enqueue(service.python("pass"))
    assert service.stop(None).run_id != run.run_id
    assert service.store.find(run.run_id).state == "queued"
    assert service.stop(None).status == "not_running"


@pytest.mark.parametrize("garbage", [b"", b"{", b"\xff", b"[]", b"{}", b'{"priority": "high"}', b"x" * 100_000])
def test_a_corrupt_queue_file_is_one_broken_entry(service: Service, garbage: bytes) -> None:
    broken, after = service.enqueue(service.python("pass")), service.enqueue(service.python("pass"))
    broken.directory.queued.write_bytes(garbage)
    (first, _, _), (last, position, reason) = described(service)
    assert (first, last, position) == (after.run_id, broken.run_id, None)
    assert "queued.json is corrupt" in (reason or "")
    end_active(service)
    assert service.dispatcher.step()
    wait_until(lambda: service.store.find(after.run_id).state == "completed", 10)
    assert service.stop(broken.run_id).status == "stopped"
    assert described(service) == []


def test_a_queue_entry_that_cannot_be_removed_delays_no_other_run(service: Service) -> None:
    [active] = service.store.active()
    active.directory.queued.mkdir()  # A program may put anything into the directory of its run.
    run = service.enqueue(service.python(""))
    end_active(service)
    assert service.dispatcher.step()
    wait_until(lambda: service.store.find(run.run_id).is_over, 10)


def test_a_run_that_cannot_be_launched_fails_with_the_reason_and_the_queue_goes_on(
    service: Service, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    data = Path(service.images("pets/train")).parent
    reads_images = [sys.executable, "-c", "import sys, os; os.listdir(sys.argv[1])", "{train_data_dir}"]
    gone = service.enqueue(service.command(str(program), name="gone"))
    without_data = service.enqueue(replace(service.command(*reads_images, name="reads"), train_data_dir=str(data)))
    corrupt = service.enqueue(service.python("pass"))
    after = service.enqueue(service.python("pass"))
    program.unlink()
    shutil.rmtree(data)
    corrupt.directory.run.write_text('{"request": {}}')
    end_active(service)
    for run in (gone, without_data, corrupt, after):
        wait_until(lambda: service.dispatcher.step() or not service.queue.waiting(), 10)
        wait_until(lambda run=run: service.store.find(run.run_id).is_over, 10)  # type: ignore[misc]
    ended = [service.store.find(run.run_id) for run in (gone, without_data, corrupt, after)]
    assert [run.state for run in ended] == ["failed", "failed", "failed", "completed"]
    assert "No such file or directory" in (ended[0].reason or "")
    assert f"FileNotFoundError: [Errno 2] No such file or directory: '{data}'" == ended[1].reason
    assert "the runner exited before the program started" in (ended[2].reason or "")


def test_a_run_that_needs_two_gpus_is_not_starved(tmp_path: Path) -> None:
    service = Service(tmp_path, max_active=4, gpus=("GPU-a", "GPU-b"))
    first = service.start(replace(service.python(WAIT_FOR_STOP), gpus=1))
    big = service.enqueue(replace(service.python(WAIT_FOR_STOP), gpus=2))
    small = service.enqueue(replace(service.python("pass"), gpus=1))
    assert described(service) == [
        (big.run_id, 1, "1 of 2 GPUs are free, 2 are needed"),
        (small.run_id, 2, "1 run is ahead of it"),
    ]
    with pytest.raises(exceptions.QueueWaits):
        service.start(replace(service.python("pass"), gpus=1))
    assert not service.dispatcher.step(), "the small run would fit, but waits behind the big one"
    service.stop(first.run_id, "discard")
    assert service.dispatcher.step()
    assert service.store.find(big.run_id).state == "running"
    assert not service.dispatcher.step()
    service.stop(big.run_id, "discard")
    assert service.dispatcher.step()
    wait_until(lambda: service.store.find(small.run_id).state == "completed", 10)


def test_a_run_that_can_never_have_its_gpus_fails(tmp_path: Path) -> None:
    """The machine had more GPUs when the run began to wait."""
    before = Service(tmp_path, gpus=("GPU-a", "GPU-b"))
    before.queue.pause(True)
    run = before.enqueue(replace(before.python("pass"), gpus=2))
    after = Service(tmp_path, gpus=("GPU-a",))
    after.queue.pause(False)
    assert after.dispatcher.step()
    failed = after.store.find(run.run_id)
    assert (failed.state, failed.reason) == ("failed", "it needs 2 GPUs, but at most 1 are available")


def test_the_queue_of_the_executor_is_shown(tmp_path: Path) -> None:
    cluster = FakeCluster()
    service = Service(tmp_path, executor=FakeExecutor(cluster))
    first, second = (service.start(service.python(WAIT_FOR_STOP)) for _ in range(2))
    assert described(service) == [(second.run_id, None, "Resources")]
    assert service.queue.ids() == [second.run_id]
    with pytest.raises(exceptions.NotQueued, match="its executor decides"):
        service.queue.move(second.run_id, 1)
    for run in (second, first):
        service.stop(run.run_id, "discard")
    assert described(service) == []
    cluster.cancel_all()


def test_a_queued_run_cannot_be_resumed(service: Service) -> None:
    run = service.enqueue(service.python("pass"))
    with pytest.raises(exceptions.InvalidStart, match="is queued"):
        service.request(replace(service.python("pass"), queue=True, resume_from=run.run_id))
    service.stop(run.run_id)
