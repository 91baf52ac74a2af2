"""Run directories: names, order, reading, deleting, artifacts."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from app.runs.exceptions import FileNotInRun, RunActive, RunNeeded, RunNotFound, RunsUnreadable
from app.runs.names import is_plain_name
from app.runs.store.store import RunStore
from app.runs.views.artifacts import find_artifact, list_artifacts
from tests.app.runs.slots import hold, store_of
from trainer.rundir import RunDir, write_json


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return store_of(tmp_path / "runs")


def write_run(store: RunStore, run_id: str, state: str = "completed") -> Path:
    path = store.runs_dir / run_id
    path.mkdir(parents=True)
    write_json(RunDir(path).run, {"request": {}})
    write_json(RunDir(path).state, {"state": state, "reason": None})
    return path


def test_runs_in_the_same_second_are_numbered(store: RunStore) -> None:
    new = [store.create() for _ in range(12)]
    ids = [each.run.run_id for each in new]
    assert store.ids() == [], "nobody sees a run before it is complete"
    for each in new:
        each.reveal()
    assert len(set(ids)) == 12
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(_\d+)?", run_id) for run_id in ids)
    assert store.ids() == ids[::-1]


def test_what_a_crash_left_of_a_start_is_removed_later(store: RunStore) -> None:
    abandoned, other = store.create().files.path, store.runs_dir / ".hidden"
    other.mkdir()
    store.create()
    assert abandoned.exists(), "its start may still go on"
    for path in (abandoned, other):
        os.utime(path, (10**9, 10**9))
    store.create()
    assert (abandoned.exists(), other.exists()) == (False, True)


def test_the_id_of_a_deleted_run_is_not_reused(store: RunStore) -> None:
    ids = []
    for _ in range(12):  # All within a second or two, each by a server process that knows no earlier run.
        new = store_of(store.runs_dir).create()
        ids.append(new.run.run_id)
        new.reveal()
        new.discard()
    assert len(set(ids)) == 12


def test_the_tenth_run_of_a_second_is_newer_than_the_ninth(store: RunStore) -> None:
    for run_id in ("2026-01-01_00-00-00_9", "2026-01-01_00-00-00_10", "2026-01-01_00-00-00", "2026-01-01_00-00-01"):
        write_run(store, run_id)
    suffixes = [run_id.removeprefix("2026-01-01_00-00-") for run_id in store.ids()]
    assert suffixes == ["01", "00_10", "00_9", "00"]


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", "\0", "a\nb", "x" * 256, ".hidden", "\ud800", "/etc", "é" * 200]
)
def test_a_name_that_could_leave_the_folder_is_not_found(store: RunStore, name: str) -> None:
    store.runs_dir.mkdir()
    assert not is_plain_name(name)
    with pytest.raises(RunNotFound):
        store.find(name)
    with pytest.raises(RunNotFound):
        store.delete(name)


def test_a_link_to_a_directory_elsewhere_is_a_run_and_deleting_it_removes_the_link(
    store: RunStore, tmp_path: Path
) -> None:
    write_run(store, "run-1").rename(tmp_path / "moved")
    (store.runs_dir / "run-1").symlink_to(tmp_path / "moved")
    assert store.ids() == ["run-1"]
    assert (store.find("run-1").state, [run.run_id for run in store.list()]) == ("completed", ["run-1"])
    (tmp_path / "moved").rename(tmp_path / "unmounted")
    assert store.ids() == [], "even if the runs folder itself has not changed"
    (tmp_path / "unmounted").rename(tmp_path / "moved")
    assert store.ids() == ["run-1"]
    store.delete("run-1")
    assert store.ids() == []
    assert (tmp_path / "moved" / "state.json").is_file()


@pytest.mark.parametrize("target", ["run-1", "run-1/inside", ".", "..", "../none", "link", "../file"])
def test_a_link_to_another_entry_or_to_no_directory_is_not_a_run(store: RunStore, target: str) -> None:
    """Otherwise a run would be listed twice and be active under only one of its names."""
    (write_run(store, "run-1") / "inside").mkdir()
    (store.runs_dir.parent / "file").touch()
    (store.runs_dir / "link").symlink_to(target)
    assert store.ids() == ["run-1"]
    with pytest.raises(RunNotFound):
        store.find("link")
    with pytest.raises(RunNotFound):
        store.delete("link")
    assert (store.runs_dir / "link").is_symlink()


def test_only_the_run_that_holds_a_slot_is_active(store: RunStore) -> None:
    path, descriptor = hold(store)
    write_run(store, "2000-01-01_00-00-00", "running")
    states = {run.run_id: run.state for run in store.list()}
    assert states == {path.name: "starting", "2000-01-01_00-00-00": "interrupted"}
    assert [run.run_id for run in store.active()] == [path.name]
    with pytest.raises(RunActive):
        store.delete(path.name)
    os.close(descriptor)
    assert store.active() == []
    assert store.find(path.name).state == "unknown", "the run launched no process"


def test_a_deleted_run_is_gone(store: RunStore) -> None:
    path = write_run(store, "run-1")
    (path / "checkpoints").mkdir()
    (path / "checkpoints" / "last.ckpt").write_bytes(b"x")
    store.delete("run-1")
    assert not path.exists()
    with pytest.raises(RunNotFound):
        store.delete("run-1")


def test_a_run_queued_after_an_earlier_deletion_keeps_what_it_resumes_from(store: RunStore) -> None:
    for run_id in ("parent", "other"):
        write_run(store, run_id)
    store.delete("other")
    child = store.runs_dir / "child"
    child.mkdir()
    write_json(child / "run.json", {"request": {"resume_from": "parent"}})
    write_json(child / "queued.json", {})
    for _ in range(2):
        with pytest.raises(RunNeeded, match="child"):
            store.delete("parent")
    (child / "queued.json").unlink()
    store.delete("parent")
    assert store.ids() == ["child"]


def test_artifacts_are_files_of_the_run_and_nothing_else(store: RunStore, tmp_path: Path) -> None:
    path = write_run(store, "run-1")
    (path / "checkpoints").mkdir()
    (path / "checkpoints" / "epoch_001.onnx").write_bytes(b"model")
    (tmp_path / "secret").write_text("secret")
    (path / "link").symlink_to(tmp_path / "secret")
    (path / ".state.json.0").write_text("reserve")
    run = store.find("run-1").directory
    assert [name for name, _ in list_artifacts(run)] == ["run.json", "state.json", "checkpoints/epoch_001.onnx"]
    with find_artifact(run, "checkpoints/epoch_001.onnx").open() as file:
        assert file.read() == b"model"
    for name in ("../secret", "link", "/etc/passwd", "checkpoints", "", "none", "\0", "checkpoints/../../../secret"):
        with pytest.raises(FileNotInRun):
            find_artifact(run, name)


def test_a_directory_of_another_program_is_unknown_and_has_the_times_of_its_files(store: RunStore) -> None:
    path = store.runs_dir / "copied"
    (path / "logs").mkdir(parents=True)
    for name, time in (("logs/metrics.csv", 10**9), ("state.json", 10**9 + 60), ("config.yaml", 10**9 + 5)):
        (path / name).write_text('{"state": "failed", "pid": 1}')
        os.utime(path / name, (time, time))
    run = store.find("copied")
    assert (run.state, run.is_active, run.pid, run.progress) == ("unknown", False, None, None)
    assert (run.created_at, run.started_at, run.ended_at) == (
        "2001-09-09T01:46:40+00:00",
        None,
        "2001-09-09T01:47:40+00:00",
    )
    store.delete("copied")
    assert not path.exists()


def test_an_empty_directory_has_its_own_time(store: RunStore) -> None:
    path = store.runs_dir / "empty"
    path.mkdir(parents=True)
    os.utime(path, (10**9, 10**9))
    assert store.find("empty").created_at == "2001-09-09T01:46:40+00:00"


@pytest.mark.parametrize("make_unreadable", [Path.touch, lambda path: path.symlink_to(path.name)])
def test_a_runs_folder_that_cannot_be_read_is_an_error(
    store: RunStore, make_unreadable: Callable[[Path], None]
) -> None:
    """A file or a circular link replaces the folder. As with a dead mount, the service cannot know its runs."""
    make_unreadable(store.runs_dir)
    for operation in (store.ids, store.latest, lambda: store.find("run-1"), lambda: store.delete("run-1")):
        with pytest.raises(RunsUnreadable, match=r"TRAINING_RUNS_DIR\) cannot be read: "):
            operation()


GARBAGE = [b"", b"{", b"\xff\xfe", b"[]", b"null", b'"running"', b"{" * 100_000, b'{"state": 7}']


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_in_any_file_raises_nothing(store: RunStore, garbage: bytes) -> None:
    path = write_run(store, "run-1")
    run = RunDir(path)
    for file in (run.state, run.run, run.progress, run.result, run.stop, run.card):
        file.write_bytes(garbage)
    read = store.find("run-1")
    assert read.state == ("unknown" if garbage.startswith(b'{"') else "interrupted"), (
        "an object without a request is a run.json of another program"
    )
    snapshot = read.snapshot()
    assert snapshot["run_id"] == "run-1"
    assert snapshot["config_name"] is None
    assert isinstance(snapshot["created_at"], str)
