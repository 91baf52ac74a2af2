"""The check of a dataset by the service, with real processes and real files."""

from __future__ import annotations

import fcntl
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.runs.exceptions import InvalidStart
from app.runs.start.datasets import DatasetFolder
from app.runs.start.experiments import ExperimentFolder
from app.runs.start.planner import Planner
from app.runs.start.preflight import Preflight
from app.runs.start.request import StartRequest
from tests.app.runs.slots import executor_of, store_of
from tests.servers import ROOT
from tests.trainer.trainings import TINY, write_images, write_rotten_avif
from tests.waiting import wait_until

LONG = 300
"""More seconds than any check takes."""
REAL_TIME_SIGNAL = 40
"""A signal without a name."""


@pytest.fixture
def pets(tmp_path: Path) -> dict[str, Path]:
    write_images(tmp_path / "pets", {"cat": 60, "dog": 180}, counts=(12, 3, 3))
    return {split: tmp_path / "pets" / split for split in ("train", "val", "test")}


@pytest.fixture
def preflight(tmp_path: Path) -> Preflight:
    return Preflight(tmp_path / "logs" / "preflight", tmp_path / "logs" / "cache")


def checks() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "trainer.preflight" in child.cmdline()]


def test_a_check_returns_the_finished_report(preflight: Preflight, pets: dict[str, Path]) -> None:
    report = preflight.check(pets, LONG)
    assert (report["status"], report["total"], report["errors"], report["warnings"]) == ("checked", 36, [], [])


def test_a_cached_report_serves_another_server_until_a_file_changes(
    preflight: Preflight, pets: dict[str, Path], tmp_path: Path
) -> None:
    first = preflight.check(pets, LONG)
    assert Preflight(tmp_path / "logs" / "preflight", tmp_path / "logs" / "cache").check(pets, LONG) == first
    (pets["val"] / "cat" / "0.png").write_bytes(b"x")
    changed = preflight.check(pets, LONG)
    assert changed["errors"][0]["files"] == ["val/cat/0.png: not an image in a format that Pillow reads"]


def test_a_training_finds_what_the_check_has_read(preflight: Preflight, tmp_path: Path) -> None:
    (tmp_path / "train" / "a").mkdir(parents=True)
    (tmp_path / "train" / "a" / "old.png").symlink_to(ROOT / "docs" / "page.png")
    assert preflight.check({"train": tmp_path / "train"}, LONG)["status"] == "checked"
    assert len(list((tmp_path / "logs" / "cache").glob("*.inspected"))) == 1


def test_a_caller_that_does_not_wait_gets_the_progress_and_can_join_the_check_later(
    preflight: Preflight, pets: dict[str, Path]
) -> None:
    assert preflight.check(pets, 0)["status"] == "checking"
    assert preflight.check(pets, 0)["status"] == "checking"
    assert len(checks()) == 1
    assert preflight.check(pets, LONG)["status"] == "checked"


def test_an_outdated_report_is_not_returned(preflight: Preflight, pets: dict[str, Path], tmp_path: Path) -> None:
    preflight.check(pets, LONG)
    (pets["val"] / "cat" / "0.png").write_bytes(b"x")
    report = preflight.check(pets, 0)
    assert (report["status"], report["done"]) == ("checking", 0)
    assert preflight.check(pets, LONG)["errors"]


def test_a_check_that_another_process_of_the_service_began_shows_its_progress(
    preflight: Preflight, pets: dict[str, Path], tmp_path: Path
) -> None:
    preflight.check(pets, LONG)
    (path,) = (tmp_path / "logs" / "preflight").glob("*.json")
    cached = json.loads(path.read_text())
    with psutil.Popen(["true"]) as dead:
        dead.wait()
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # As the other process does while it checks.
        for pid, done in ((dead.pid, 0), (os.getpid(), 7)):
            partial = cached["report"] | {"status": "checking", "done": 7}
            path.write_text(json.dumps(cached | {"pid": pid, "report": partial}))
            report = preflight.check(pets, 0)
            assert (report["status"], report["done"]) == ("checking", done)
    assert preflight.check(pets, LONG)["status"] == "checked"


def test_a_killed_check_is_reported_and_the_next_one_is_complete(
    preflight: Preflight, pets: dict[str, Path], tmp_path: Path
) -> None:
    preflight.check(pets, LONG)
    (lock_path,) = (tmp_path / "logs" / "preflight").glob("*.lock")
    with open(lock_path, "w") as lock, ThreadPoolExecutor() as pool:
        fcntl.flock(lock, fcntl.LOCK_EX)  # The check waits for this lock.
        waiting = pool.submit(preflight.check, pets, LONG)
        (check,) = wait_until(checks, 10)
        check.send_signal(REAL_TIME_SIGNAL)
        report = waiting.result(30)
    assert (report["status"], report["errors"][0]["kind"]) == ("failed", "not_checked")
    assert f"killed by signal {REAL_TIME_SIGNAL}" in report["errors"][0]["message"]
    assert preflight.check(pets, LONG)["status"] == "checked"


def test_two_datasets_are_checked_at_a_time_and_an_urgent_one_is_next(preflight: Preflight, tmp_path: Path) -> None:
    datasets = [write_images(tmp_path / name, {"cat": 60, "dog": 180}, counts=(12, 3, 3)) for name in "abcd"]
    for dataset in datasets[:2]:
        assert preflight.check(dataset, LONG)["status"] == "checked"
    with ThreadPoolExecutor() as threads, ExitStack() as stack:
        locks = [stack.enter_context(open(path, "w")) for path in (tmp_path / "logs" / "preflight").glob("*.lock")]
        for lock in locks:
            fcntl.flock(lock, fcntl.LOCK_EX)  # The checks wait for these locks.
        for dataset in datasets[:2]:
            assert preflight.check(dataset, 0)["status"] == "checking"
        waits = preflight.check(datasets[2], 0)
        wait_until(lambda: len(checks()) >= 2, 10)
        assert (waits["status"], waits["total"], len(checks())) == ("checking", 0, 2)
        urgent = threads.submit(preflight.check, datasets[3], LONG, is_urgent=True)
        for lock in locks:
            lock.close()
        assert urgent.result()["status"] == "checked"
    assert preflight.check(datasets[2], LONG)["status"] == "checked"


def test_a_start_does_not_wait_for_a_check_that_takes_too_long(
    preflight: Preflight, pets: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    store = store_of(tmp_path / "logs" / "runs")
    folders = ExperimentFolder(tmp_path), DatasetFolder(tmp_path)
    request = StartRequest(config_name="tiny.yaml", dataset="pets")
    unfinished = (
        Planner(store, executor_of(store.runs_dir), *folders, (), preflight, ROOT, preflight_s=0)
        .plan(request)
        .preflight
    )
    assert unfinished is not None
    assert (unfinished["status"], unfinished["warnings"][0]["kind"]) == ("checking", "not_checked")
    finished = Planner(store, executor_of(store.runs_dir), *folders, (), preflight, ROOT).plan(request).preflight
    assert finished is not None
    assert finished["status"] == "checked"


def test_a_missing_folder_is_an_error_that_names_it(
    preflight: Preflight, pets: dict[str, Path], tmp_path: Path
) -> None:
    report = preflight.check(pets | {"val": tmp_path / "none"}, LONG)
    assert report["status"] == "checked"
    assert [error["message"] for error in report["errors"]] == ["val cannot be read: No such file or directory"]


def test_a_check_names_a_corrupt_avif_and_finishes(preflight: Preflight, pets: dict[str, Path]) -> None:
    write_rotten_avif(pets["train"] / "cat" / "rotten.avif")
    report = preflight.check(pets, LONG)
    assert report["status"] == "checked"
    assert report["errors"][0]["files"][0].startswith("train/cat/rotten.avif: ")


def test_unreadable_images_prevent_a_start_unless_the_run_skips_them(
    preflight: Preflight, pets: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    (pets["train"] / "cat" / "broken.png").write_bytes(b"x")
    store = store_of(tmp_path / "logs" / "runs")
    planner = Planner(
        store, executor_of(store.runs_dir), ExperimentFolder(tmp_path), DatasetFolder(tmp_path), (), preflight, ROOT
    )
    request = StartRequest(config_name="tiny.yaml", dataset="pets")
    with pytest.raises(InvalidStart, match=r"broken\.png"):
        planner.plan(request)
    plan = planner.plan(replace(request, overrides={"data.skip_unreadable": True}))
    assert plan.preflight is not None
    assert plan.preflight["errors"][0]["count"] == 1


def test_a_check_that_cannot_write_its_report_fails(pets: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    report = Preflight(tmp_path / "file", tmp_path / "cache").check(pets, LONG)
    assert (report["status"], report["errors"][0]["kind"]) == ("failed", "not_checked")


def test_the_progress_of_a_long_check_is_reported(preflight: Preflight, tmp_path: Path) -> None:
    base = write_images(tmp_path / "many", {"a": 60, "b": 180}, counts=(3000, 1, 1))
    splits = {split: base / split for split in ("train", "val", "test")}

    def reported() -> dict[str, Any] | None:
        report = preflight.check(splits, 0)
        return report if report["total"] else None

    report = wait_until(reported, 30)
    assert report is not None
    assert 0 <= report["done"] <= report["total"] == 6004
    if report["status"] == "checking":
        assert "of 6,004 images were checked" in json.dumps(report["warnings"])
    assert preflight.check(splits, LONG)["status"] == "checked"
