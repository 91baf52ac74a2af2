"""GET /training/metrics/runs: the list of runs, and the latest run."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from app.runs.filestate import Remembered, file_states
from tests.app.answers import problem
from tests.app.written import METRICS, write_metrics, write_run
from tests.servers import LiveServer
from tests.waiting import wait_until


def test_the_latest_run_without_any_run_is_a_404(empty: LiveServer) -> None:
    body = problem(empty.get("/training/metrics/latest"), 404)
    assert body["message"] == "No training runs found"
    assert empty.get("/training/metrics/runs").json() == []


def test_latest_is_the_run_started_last(empty: LiveServer) -> None:
    write_run(empty.runs_dir, "zzz", created_at="2025-01-01T00:00:00+00:00", metrics=METRICS)
    for run_id in ("2026-01-01_00-00-00_9", "2026-01-01_00-00-00_10", "2025-12-31_23-59-59"):
        write_run(empty.runs_dir, run_id, metrics=METRICS)
    assert empty.get("/training/metrics/latest").json()["run_id"] == "2026-01-01_00-00-00_10"
    newest = write_run(empty.runs_dir, "2026-01-01_00-00-01")
    assert newest.name in problem(empty.get("/training/metrics/latest"), 404)["message"]


def test_runs_are_listed_newest_first_with_all_fields(empty: LiveServer) -> None:
    write_run(empty.runs_dir, "2026-01-01_00-00-00", "failed", reason="exit code 3", metrics=METRICS)
    write_run(empty.runs_dir, "2026-01-02_00-00-00", None, created_at="2026-01-02T00:00:00+00:00")
    (empty.runs_dir / "2026-01-03_00-00-00").mkdir()
    (empty.runs_dir / ".hidden").mkdir()
    (empty.runs_dir / "file").write_text("")
    bare, interrupted, failed = empty.get("/training/metrics/runs").json()
    assert interrupted == {
        "run_id": "2026-01-02_00-00-00",
        "title": None,
        "tags": [],
        "created_at": "2026-01-02T00:00:00+00:00",
        "modified_at": interrupted["modified_at"],
        "status": "interrupted",
        "has_metrics": False,
        "can_resume": False,
        "metrics_file": None,
        "config_name": "digits.yaml",
        "model_name": "digits",
        "reason": interrupted["reason"],
        "dataset": None,
        "started_at": None,
        "ended_at": None,
        "duration_s": None,
        "size_bytes": interrupted["size_bytes"],
        "best_metrics": None,
        "directions": None,
    }
    assert "gone" in interrupted["reason"]
    assert interrupted["size_bytes"] > 0
    assert (failed["status"], failed["has_metrics"], failed["reason"]) == ("failed", True, "exit code 3")
    assert failed["metrics_file"] == str(empty.runs_dir / failed["run_id"] / "csv/version_0/metrics.csv")
    assert (bare["run_id"], bare["status"], bare["config_name"]) == ("2026-01-03_00-00-00", "unknown", None)
    assert bare["created_at"].endswith("+00:00")


def test_the_list_of_runs_can_be_paged_and_filtered(empty: LiveServer) -> None:
    for day in range(1, 7):
        write_run(empty.runs_dir, f"2026-01-0{day}_00-00-00", "failed" if day % 2 else "completed")

    def days(query: str) -> list[int]:
        return [int(run["run_id"][9]) for run in empty.get(f"/training/metrics/runs?{query}").json()]

    assert days("") == [6, 5, 4, 3, 2, 1]
    assert days("limit=2") == [6, 5]
    assert days("limit=2&offset=3") == [3, 2]
    assert days("offset=9") == []
    assert days("status=failed") == [5, 3, 1]
    assert days("status=failed&offset=1&limit=1") == [3]
    assert days("status=running") == []


def test_the_list_of_runs_can_be_sorted_and_searched_and_is_counted(empty: LiveServer) -> None:
    for day, (state, best, dataset) in enumerate(
        [("failed", 0.5, "cats"), ("completed", 0.75, "Dogs"), ("failed", 0.25, None)], 1
    ):
        folders = {"dataset": dataset} if dataset else {"train_data_dir": "/data/dogs/train"}
        metrics = f"epoch,step,val/acc,val/loss\n0,1,{best / 2},1\n0,2,{best},nan\n"
        write_run(empty.runs_dir, f"2026-01-0{day}_00-00-00", state, request=folders, metrics=metrics)
    write_run(empty.runs_dir, "2026-01-04_00-00-00", "completed", request={"config_name": "other.yaml"})

    def days(query: str) -> tuple[list[int], int]:
        answer = empty.get(f"/training/metrics/runs?{query}")
        return [int(run["run_id"][9]) for run in answer.json()], int(answer.headers["X-Total-Count"])

    for _ in range(2):  # First from the files, then from the cache.
        assert days("limit=3") == ([4, 3, 2], 4)
        assert days("sort=val/acc") == ([3, 1, 2, 4], 4)  # The fourth run has no metrics.
        assert days("sort=-val/acc&limit=2&offset=1") == ([1, 3], 4)
        assert days("sort=status") == ([4, 2, 3, 1], 4)
        assert days("search=dogs") == ([3, 2], 2)
        assert days("search=2026-01-01") == ([1], 1)
        assert days("search=OTHER&status=completed") == ([4], 1)
        assert days("search=OTHER&status=failed") == ([], 0)
        assert days("sort=unknown") == ([4, 3, 2, 1], 4)
    best = empty.get("/training/metrics/runs?best=1&limit=2").json()
    assert [run["best_metrics"] for run in best] == [{}, {"val/acc": 0.25, "val/loss": 1.0}]
    assert empty.delete("/training/models/2026-01-02_00-00-00").ok
    assert days("sort=val/acc") == ([3, 1, 4], 3)


def test_cached_metrics_follow_the_files_of_a_run(empty: LiveServer) -> None:
    run = write_run(empty.runs_dir, "2026-01-01_00-00-00", "failed", metrics=METRICS)
    path = "/training/metrics/runs?best=1&sort=-val/acc"
    assert empty.get(path).json()[0]["best_metrics"]["val/acc"] == 0.5
    write_metrics(run, "epoch,step,val/acc\n0,1,0.9375\n")
    assert empty.get(path).json()[0]["best_metrics"] == {"val/acc": 0.9375}


def test_a_change_by_hand_shows_at_once_in_the_list(empty: LiveServer) -> None:
    """The service caches each entry and the list of the folder until their files change."""
    runs = [write_run(empty.runs_dir, f"2026-01-0{day}_00-00-00", metrics=METRICS) for day in (1, 2, 3)]
    paths = (empty.runs_dir, *empty.runs_dir.rglob("*"))
    wait_until(lambda: Remembered(None, file_states(paths)).is_current(), 10)  # From now on the service caches.

    def listed(query: str = "") -> dict[str, dict[str, Any]]:
        answer = empty.get(f"/training/metrics/runs?{query}")
        assert int(answer.headers["X-Total-Count"]) == len(answer.json())
        return {run["run_id"][9]: run for run in answer.json()}

    for query in ("", "sort=status"):
        assert set(listed(query)) == {"1", "2", "3"}
    (runs[0] / "state.json").write_text('{"state": "failed", "reason": "set by hand"}')
    assert (listed()["1"]["status"], listed()["1"]["reason"]) == ("failed", "set by hand")
    manifest = (runs[1] / "run.json").read_text()
    (runs[1] / "run.json").write_text(manifest.replace("digits.yaml", "other.yaml"))
    assert listed()["2"]["config_name"] == "other.yaml"
    newer = write_metrics(runs[1], "epoch,step,val/acc\n0,1,0.25\n", "csv/version_1/metrics.csv")
    entry = listed("best=1")["2"]
    assert (entry["metrics_file"], entry["best_metrics"]) == (str(newer), {"val/acc": 0.25})
    shutil.rmtree(runs[1] / "csv")
    assert not listed()["2"]["has_metrics"]
    write_metrics(runs[1], METRICS, "metrics.csv")
    assert listed()["2"]["has_metrics"]
    runs[2].rename(empty.runs_dir / "2026-01-05_00-00-00")
    assert list(listed()) == ["5", "2", "1"]
    shutil.rmtree(runs[0])
    write_run(empty.runs_dir, "2026-01-04_00-00-00")
    assert list(listed()) == ["5", "4", "2"]
    assert empty.get("/training/status").json()["last_run"]["run_id"] == "2026-01-05_00-00-00"


@pytest.mark.parametrize("sort", ["status", "val/acc"])
def test_the_list_shows_new_files_in_the_folder_of_another_program(empty: LiveServer, sort: str) -> None:
    folder = empty.runs_dir / "other"
    write_metrics(folder, "epoch,step,val/acc\n0,1,0.25\n", "csv/version_0/metrics.csv")
    paths = (empty.runs_dir, *empty.runs_dir.rglob("*"))
    wait_until(lambda: Remembered(None, file_states(paths)).is_current(), 10)  # From now on the service caches.
    path = f"/training/metrics/runs?best=1&sort={sort}"
    for _ in range(2):
        before = empty.get(path).json()[0]
        assert (before["status"], before["best_metrics"]) == ("unknown", {"val/acc": 0.25})
    newer = write_metrics(folder, "epoch,step,val/acc\n0,1,0.75\n", "csv/version_1/metrics.csv")
    after = empty.get(path).json()[0]
    assert (after["metrics_file"], after["best_metrics"]) == (str(newer), {"val/acc": 0.75})
    assert after["ended_at"] > before["ended_at"]


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "offset=-1", "status=lost", "status=", "page=2"])
def test_a_bad_list_query_is_a_422(shared: LiveServer, query: str) -> None:
    body = problem(shared.get(f"/training/metrics/runs?{query}"), 422)
    assert set(body["errors"]) == {query.partition("=")[0]}
