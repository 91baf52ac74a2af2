"""The notifier: each end is announced exactly once, whatever is killed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from app.runs.collect.runmetrics import RunMetrics
from app.runs.executors.executor import Needs
from app.runs.filelock import SupervisorLock
from app.runs.notify.addresses import name_addresses
from app.runs.notify.dispatch import NOTIFY_LOCK
from app.runs.notify.notice import Notice
from app.runs.notify.notifier import QUEUE_NOTICE, Notifier
from app.runs.notify.watchlist import WATCH_LIST
from app.runs.queue.ending import end_unlaunched
from app.runs.queue.entry import write_entry
from app.runs.store.store import RunStore
from tests.app.runs.queue.test_dispatcher import kill_at
from tests.app.runs.slots import executor_of, queue_of
from tests.app.runs.start.domain import Service
from tests.app.written import write_run
from tests.conftest import end
from tests.receiver import Receiver, receiving
from tests.servers import LiveServer
from tests.waiting import wait_until
from trainer.rundir import RunDir
from trainer.runner.verdict import FAILED

ADDRESS = "json://127.0.0.1:1"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def notifier_of(home: Path, *addresses: str) -> Notifier:
    (home / "logs").mkdir(exist_ok=True)
    store = RunStore(home / "logs" / "runs", executor_of(home / "logs" / "runs", 2))
    metrics, service = RunMetrics(home / "logs" / "scraped"), Service(home)
    return Notifier(
        store, queue_of(store), metrics, service.lock, name_addresses(addresses), "", lambda compute: compute()
    )


def finish(notifier: Notifier, home: Path) -> None:
    """Step until everything was sent and the sender has ended."""

    def is_done() -> bool:
        notifier.step()
        return notifier.num_pending() == 0

    wait_until(is_done, 30)
    lock = SupervisorLock(home / "logs" / NOTIFY_LOCK)
    wait_until(lock.try_acquire, 10)
    lock.release()
    notifier.step()


@pytest.fixture
def without_sender(tmp_path: Path) -> Iterator[None]:
    """Hold the lock of the senders, so that the notices are written and not sent."""
    lock = SupervisorLock(tmp_path / "logs" / NOTIFY_LOCK)
    assert lock.try_acquire()
    yield
    lock.release()


def announced(home: Path) -> list[str]:
    """Return the titles of the notices."""
    notices = map(Notice.read, (home / "logs").rglob("*noti*d.json"))
    return sorted(notice.message.title for notice in notices if notice is not None)


def write_ended(home: Path, run_id: str, sequence: int, state: str | None = "completed") -> Path:
    path = write_run(home / "logs" / "runs", run_id, state, request={"model_name": run_id})
    manifest = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps(manifest | {"sequence": sequence}))
    return path


@pytest.mark.usefixtures("without_sender")
def test_only_runs_that_end_after_the_setting_are_told(tmp_path: Path) -> None:
    write_ended(tmp_path, "before", 1, "failed")
    notifier_of(tmp_path, ADDRESS).step()
    (tmp_path / "logs/runs/copied").mkdir()
    write_ended(tmp_path, "old-copy", 0)
    write_ended(tmp_path, "after", 2, "failed")
    write_ended(tmp_path, "killed", 3, None)
    notifier_of(tmp_path, ADDRESS).step()  # A service that was restarted.
    assert announced(tmp_path) == ["after: failed", "killed: interrupted"]
    assert notifier_of(tmp_path, ADDRESS).num_pending() == 2
    notifier_of(tmp_path).start()  # Notifications are switched off for a while.
    write_ended(tmp_path, "meanwhile", 4)
    notifier_of(tmp_path, ADDRESS).step()
    assert announced(tmp_path) == ["after: failed", "killed: interrupted"]
    assert notifier_of(tmp_path, ADDRESS).num_pending() == 0


@pytest.mark.usefixtures("without_sender")
def test_of_two_simultaneous_starts_both_are_told_whichever_appears_first(tmp_path: Path) -> None:
    notifier = notifier_of(tmp_path, ADDRESS)
    notifier.step()
    write_ended(tmp_path, "second", 2)
    notifier.step()
    first = RunDir(write_ended(tmp_path, "first", 1, None))
    write_entry(first, 0, Needs())
    notifier.step()
    end_unlaunched(first, FAILED, "it needs 2 GPUs")
    notifier.step()
    assert announced(tmp_path) == ["first: failed", "second: completed"]


@pytest.mark.usefixtures("without_sender")
def test_a_run_whose_notice_cannot_be_read_waits_and_delays_no_other(tmp_path: Path) -> None:
    notifier = notifier_of(tmp_path, ADDRESS)
    notifier.step()
    notice = write_ended(tmp_path, "broken", 1) / "notified.json"
    notice.symlink_to(notice)
    write_ended(tmp_path, "other", 2)
    with pytest.raises(OSError, match="symbolic links"):
        notifier.step()
    assert (tmp_path / "logs/runs/other/notified.json").exists()
    notice.unlink()
    notifier.step()
    assert announced(tmp_path) == ["broken: completed", "other: completed"]


@pytest.mark.usefixtures("without_sender")
def test_runs_are_told_even_if_their_list_cannot_be_read_for_a_while(tmp_path: Path) -> None:
    notifier = notifier_of(tmp_path, ADDRESS)
    notifier.step()
    listed, saved = tmp_path / "logs" / WATCH_LIST, tmp_path / "saved"
    write_ended(tmp_path, "run", 1)
    listed.rename(saved)
    listed.symlink_to(listed)
    with pytest.raises(OSError, match="symbolic links"):
        notifier.step()
    saved.replace(listed)
    notifier.step()
    assert announced(tmp_path) == ["run: completed"]


def test_a_notifier_killed_at_any_step_tells_each_run_once(tmp_path: Path, receiver: Receiver) -> None:
    finish(notifier_of(tmp_path, receiver.address), tmp_path)
    for step in count(1):
        write_ended(tmp_path, f"run-{step:02}", step)
        pid = os.fork()
        if pid == 0:
            notifier = notifier_of(tmp_path, receiver.address)
            kill_at(step)
            notifier.step()
            os._exit(0)
        if not os.WIFSIGNALED(os.waitpid(pid, 0)[1]):
            break
    finish(notifier_of(tmp_path, receiver.address), tmp_path)
    assert sorted(receiver.titles) == [f"run-{number:02}: completed" for number in range(1, step + 1)]
    assert step > 10


def test_a_restart_while_an_address_hangs_neither_loses_nor_repeats_a_message(
    tmp_path: Path, receiver: Receiver
) -> None:
    with receiving() as other:
        receiver.statuses.append(None)
        server = LiveServer(tmp_path, TRAINING_NOTIFY=f"{receiver.address} {other.address}")
        server.settings["TRAINING_PUBLIC_URL"] = "https://example.org/train/"
        config = server.write_command("quick", "exit_with.py", "3")
        write_run(server.runs_dir, "2026-01-01_00-00-00")
        server.start()
        try:
            run_id = server.start_run(config, model_name="net")
            wait_until(lambda: receiver.num_requests == 1, 30)
            wait_until(lambda: other.titles == ["net: failed"], 10)
            assert server.get("/training/status").elapsed.total_seconds() < 5, "the service must not wait"
            server.kill()
            receiver.release.set()
            server.start()
            wait_until(lambda: receiver.titles == ["net: failed"], 60, lambda: vars(receiver))
            wait_until(lambda: "training_notifications_pending 0.0" in server.get("/metrics").text, 10)
        finally:
            end(server)
        assert (receiver.num_requests, other.num_requests) == (2, 1)
        (message,) = receiver.accepted
        assert "Reason: exit code 3" in message["message"]
        assert f"https://example.org/train/runs/{run_id}" in message["message"]
        assert message["type"] == "failure"


@pytest.mark.usefixtures("without_sender")
def test_the_empty_queue_is_told_once_if_a_run_had_to_wait(tmp_path: Path) -> None:
    service = Service(tmp_path)
    notifier = notifier_of(tmp_path, ADDRESS)
    path, go = tmp_path / "logs" / QUEUE_NOTICE, tmp_path / "go"
    notifier.step()
    program = f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)"
    service.start(service.python(program))
    second = service.enqueue(service.python(program))
    notifier.step()
    go.touch()
    wait_until(lambda: service.dispatcher.step() or second.run_id not in service.queue.ids(), 20)
    assert not path.exists()
    wait_until(lambda: service.store.find(second.run_id).is_over and not service.store.living(), 20)
    notifier.step()
    notice = Notice.read(path)
    assert notice is not None
    assert notice.message.title == "The queue is empty"
    path.unlink()
    notifier.step()
    assert not path.exists()
