"""GET /training/metrics/..., as the table promises, from run directories as they lie on disk."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.app.answers import problem
from tests.app.written import METRICS, write_metrics, write_run
from tests.servers import LiveServer

COLUMNS = ["epoch", "step", "train/loss", "val/acc", "val/loss"]
DATA = [
    {"epoch": 0, "step": 9, "train/loss": 0.75, "val/acc": None, "val/loss": None},
    {"epoch": 0, "step": 9, "train/loss": None, "val/acc": 0.5, "val/loss": 0.875},
    {"epoch": 1, "step": 19, "train/loss": None, "val/acc": None, "val/loss": None},
    {"epoch": 1, "step": 19, "train/loss": None, "val/acc": None, "val/loss": 0.625},
]


@pytest.fixture
def run(shared: LiveServer) -> Path:
    """A run with METRICS that has ended."""
    return write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics=METRICS)


def metrics_of(server: LiveServer, run: Path, query: str = "") -> dict[str, Any]:
    answer = server.get(f"/training/metrics/runs/{run.name}{query}")
    assert answer.status_code == 200, answer.text
    assert "NaN" not in answer.text
    return dict(answer.json())


def test_metrics_have_the_contracts_fields(shared: LiveServer, run: Path) -> None:
    body = metrics_of(shared, run)
    assert body == {
        "run_id": run.name,
        "available_columns": COLUMNS,
        "total_rows": 4,
        "max_epoch": 1,
        "max_step": 19,
        "data": DATA,
        "non_finite": {"train/loss": {"nan": [2]}, "val/acc": {"inf": [3]}},
        "directions": {"train/loss": "lower", "val/acc": "higher", "val/loss": "lower"},
        "text_columns": [],
        "num_skipped_rows": 0,
        "skipped_rows": [],
        "attempt": body["attempt"],
        "csv_file": str(run / "csv" / "version_0" / "metrics.csv"),
        "last_modified": body["last_modified"],
    }
    assert body["last_modified"].endswith("+00:00")


@pytest.mark.parametrize(
    "place",
    [
        "csv/version_0/metrics.csv", "csv/version_7/metrics.csv", "csv/metrics.csv", "metrics.csv",
        "lightning_logs/version_0/metrics.csv", "lightning_logs/version_12/metrics.csv",
    ],
)  # fmt: skip
def test_metrics_are_found_where_lightning_puts_them(shared: LiveServer, place: str) -> None:
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}")
    write_metrics(run, METRICS, place)
    assert metrics_of(shared, run)["csv_file"] == str(run / place)
    assert metrics_of(shared, run)["total_rows"] == 4


def test_the_newest_version_counts(shared: LiveServer, run: Path) -> None:
    write_metrics(run, "epoch,step\n0,1\n", "csv/version_2/metrics.csv")
    newest = write_metrics(run, "epoch,step\n0,1\n0,2\n", "csv/version_10/metrics.csv")
    write_metrics(run, METRICS, "metrics.csv")
    assert metrics_of(shared, run)["csv_file"] == str(newest)


def test_a_file_of_another_run_is_not_served(shared: LiveServer, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("epoch,step,secret\n0,1,271828\n")
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}")
    (run / "metrics.csv").symlink_to(secret)
    answer = shared.get(f"/training/metrics/runs/{run.name}")
    problem(answer, 404)
    assert "271828" not in answer.text


def test_since_row_leaves_out_what_is_known(shared: LiveServer, run: Path) -> None:
    for since in (0, 1, 3, 4, 5, 2**53):
        body = metrics_of(shared, run, f"?since_row={since}")
        assert body["data"] == DATA[since:]
        assert body["non_finite"].get("val/acc") == ({"inf": [3 - since]} if since <= 3 else None)
        assert body["total_rows"] == 4


def test_columns_are_chosen(shared: LiveServer, run: Path) -> None:
    body = metrics_of(shared, run, "?columns=val/loss,epoch,unknown")
    assert body["data"][1] == {"val/loss": 0.875, "epoch": 0}
    assert body["available_columns"] == COLUMNS
    assert metrics_of(shared, run, "?columns=unknown")["data"] == [{}] * 4


def test_max_points_keeps_peaks_and_ends(shared: LiveServer) -> None:
    losses = [1.0] * 5000
    losses[1234], losses[4321] = 99.0, -99.0
    text = "epoch,step,train/loss\n" + "".join(f"{i // 100},{i},{loss}\n" for i, loss in enumerate(losses))
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics=text)
    body = metrics_of(shared, run, "?max_points=50")
    steps = [row["step"] for row in body["data"]]
    assert len(steps) <= 50
    assert {0, 1234, 4321, 4999} <= set(steps)
    assert steps == sorted(steps)
    assert body["total_rows"] == 5000
    assert len(metrics_of(shared, run, "?max_points=5000")["data"]) == 5000
    assert [row["step"] for row in metrics_of(shared, run, "?max_points=2")["data"]] == [0, 4999]


def test_max_points_stay_while_the_run_grows(shared: LiveServer) -> None:
    lines = [f"{i // 100},{i},{(i * 7919) % 1000}.5\n" for i in range(3000)]
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics="epoch,step,train/loss\n")
    steps: list[set[int]] = []
    for start in range(2600, 3000, 100):  # Between two doublings of the stretches.
        write_metrics(run, "epoch,step,train/loss\n" + "".join(lines[:start]))
        steps.append({row["step"] for row in metrics_of(shared, run, "?max_points=200")["data"]})
    for before, after in pairwise(steps):
        assert not {step for step in before - after if step < max(before) - 100}


def test_what_the_client_has_is_not_told_again(shared: LiveServer, run: Path) -> None:
    path = f"/training/metrics/runs/{run.name}"
    for asked in (path, f"{path}?max_points=2", f"{path}?since_row=1", f"{path}/summary"):
        first = shared.get(asked)
        tag = first.headers["ETag"]
        assert not tag.startswith("W/")
        again = shared.get(asked, headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
        # A proxy that compresses makes a tag weak.
        assert shared.get(asked, headers={"If-None-Match": f'"other", W/{tag}'}).status_code == 304
        assert shared.get(asked, headers={"If-None-Match": '"other"'}).json() == first.json()
    tags = {shared.get(asked).headers["ETag"] for asked in (path, f"{path}?since_row=1", f"{path}/summary")}
    assert len(tags) == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "2,29,0.5,,\n",
        lambda text: text.replace("0.75", "0.25"),
        lambda text: text.replace("val/acc", "val/f1"),
        lambda text: text[: text.rindex("1,19")],
    ],
    ids=["grown", "a value changed", "a column renamed", "a row less"],
)
def test_a_file_that_changed_is_told_anew(shared: LiveServer, run: Path, change: Callable[[str], str]) -> None:
    path = f"/training/metrics/runs/{run.name}"
    tags = {asked: shared.get(asked).headers["ETag"] for asked in (path, f"{path}/summary")}
    write_metrics(run, change(METRICS))
    fresh = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics=change(METRICS))
    for asked, tag in tags.items():
        answer = shared.get(asked, headers={"If-None-Match": tag})
        assert answer.status_code == 200
        expected = shared.get(asked.replace(run.name, fresh.name)).json()
        own = ("run_id", "csv_file", "last_modified")
        assert {**answer.json(), **dict.fromkeys(own)} == {**expected, **dict.fromkeys(own)}


def test_a_growing_file_is_followed_row_by_row(shared: LiveServer) -> None:
    rows, columns = [], ["epoch", "step", "train/loss"]
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics="epoch,step,train/loss\n")
    file = run / "csv" / "version_0" / "metrics.csv"
    for step in range(60):
        if step == 40:  # As Lightning does: another metric appears.
            columns = ["a", *columns]
            file.write_text(",".join(columns) + "\n" + "".join(f",0,{row['step']},0.5\n" for row in rows))
        with open(file, "a") as writer:
            writer.write(("9," if step >= 40 else "") + f"0,{step},0.5\n0,{step + 1}")  # And a row not yet finished.
        body = metrics_of(shared, run, f"?since_row={len(rows)}")
        rows += body["data"]
        assert (body["total_rows"], body["max_step"]) == (step + 1, step)
        with open(file, "r+") as writer:
            writer.truncate(file.stat().st_size - len(f"0,{step + 1}"))
    assert [row["step"] for row in rows] == list(range(60))
    assert body["available_columns"] == columns


@pytest.mark.parametrize(
    "query",
    [
        "since_row=-1", "since_row=x", "since_row=1.5", "since_row=1e3", f"since_row={10**30}", "max_points=1",
        "max_points=0", "max_points=", "max_points=9999999999", "columns=" + "x" * 4097, "unknown=1", "since_row=%00",
    ],
)  # fmt: skip
def test_a_bad_query_is_a_422_that_names_the_parameter(shared: LiveServer, run: Path, query: str) -> None:
    name = query.partition("=")[0]
    for path in (f"/training/metrics/runs/{run.name}", "/training/metrics/latest"):
        body = problem(shared.get(f"{path}?{query}"), 422)
        assert set(body["errors"]) == {name}
        assert name in body["message"]


def test_a_long_file_holds_up_nobody(shared: LiveServer) -> None:
    text = "epoch,step,train/loss,val/acc\n" + "".join(f"{i // 100},{i},{1 / (i + 1)},\n" for i in range(200_000))
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics=text)
    with ThreadPoolExecutor(1) as others:
        # Parsed later: that would hold up this process's own threads.
        reading = others.submit(lambda: shared.get(f"/training/metrics/runs/{run.name}").content)
        waits = []
        while not reading.done():
            began = time.monotonic()
            assert shared.get("/ping").status_code == 200
            waits.append(time.monotonic() - began)
    assert json.loads(reading.result())["total_rows"] == 200_000
    # Without a thread of its own it was one wait as long as the reading itself.
    assert len(waits) > 5
    assert max(waits) < sum(waits) / 2


UNREADABLE = {
    "UTF-16": "epoch,step\n0,1\n".encode("utf-16"),
    "a header without end": b"epoch,step" * 200_000,
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_file_is_a_422_that_names_it(shared: LiveServer, content: bytes) -> None:
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics=content)
    for path in (run.name, f"{run.name}/summary"):
        body = problem(
            shared.get(f"/training/metrics/runs/{path}"), 422, csv_file=str(run / "csv/version_0/metrics.csv")
        )
        assert body["csv_file"] in body["message"]


ODD_LINES = {
    "not UTF-8": b"\xff\xfe,1,2",
    "NUL bytes": b"\0\0,1,2",
    "a row longer than its header": b"1,2,3,4",
    "an open quote": b'"1,2,3',
    "a header again": b"epoch,step,train/loss",
    "longer than any row": b"1" * 2_000_000 + b",1,2",
}


@pytest.mark.parametrize("line", ODD_LINES.values(), ids=ODD_LINES)
def test_an_odd_line_costs_no_other_row(shared: LiveServer, line: bytes) -> None:
    content = b"epoch,step,train/loss\n0,1,0.75\n" + line + b"\n0,2,0.5\n"
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics=content)
    body = metrics_of(shared, run)
    assert [list(row.values()) for row in body["data"]] == [[0, 1, 0.75], [0, 2, 0.5]]
    assert (body["total_rows"], body["num_skipped_rows"]) == (2, 1)
    assert body["skipped_rows"][0]["line"] == 3
    assert len(metrics_of(shared, run, "?max_points=2")["data"]) == 2
    summary = shared.get(f"/training/metrics/runs/{run.name}/summary").json()
    assert (summary["best_metrics"], summary["num_skipped_rows"]) == ({"best_train/loss": 0.5}, 1)


def test_tables_are_read_as_other_programs_write_them(shared: LiveServer) -> None:
    for text in (
        "\ufeffepoch,step,train/loss\r\n0,0,1.5\r\n1,1,1.25\r\n",
        "epoch;step;train/loss\n0;0;1,5\n1;1;1,25\n",
        "epoch\tstep\ttrain/loss\n0\t0\t1.5\n1\t1\t1.25\n",
        "  epoch,   step,   train/loss\n    0,   0,     1.5\n   1,  1,    1.25\n",
        '"epoch","step","train/loss",\n"0","0","1.5",\n1,1,1.25,\n',
        "epoch,step,train/loss\n0,0,1.5\n1,1,1.25",
    ):
        run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics=text)
        body = metrics_of(shared, run)
        assert body["available_columns"] == ["epoch", "step", "train/loss"]
        assert [list(row.values()) for row in body["data"]] == [[0, 0, 1.5], [1, 1, 1.25]], text
        assert (body["max_epoch"], body["max_step"], body["num_skipped_rows"]) == (1, 1, 0)


def test_text_is_left_out_of_the_rows_and_named(shared: LiveServer) -> None:
    text = "epoch,step,note,train/loss\n0,0,ok,1.5\n1,1,,nan\n2,2,fine,diverged\n"
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics=text)
    body = metrics_of(shared, run)
    assert body["data"] == [
        {"epoch": 0, "step": 0, "train/loss": 1.5},
        {"epoch": 1, "step": 1, "note": None, "train/loss": None},
        {"epoch": 2, "step": 2},
    ]
    assert body["text_columns"] == ["note", "train/loss"]
    assert body["available_columns"] == ["epoch", "step", "note", "train/loss"]


def test_epochs_are_those_of_the_program(shared: LiveServer) -> None:
    text = "epoch,step,loss\n0.5,10,2.5\n1.0,20,2.25\n1.5,30,2.0\n2.0,40,1.75\n"
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics=text)
    body = metrics_of(shared, run)
    assert [row["epoch"] for row in body["data"]] == [0.5, 1.0, 1.5, 2.0]
    assert body["max_epoch"] == 2
    assert shared.get(f"/training/metrics/runs/{run.name}/summary").json()["total_epochs"] == 2


def test_a_file_begun_anew_is_another_attempt(shared: LiveServer, run: Path) -> None:
    first = metrics_of(shared, run)["attempt"]
    write_metrics(run, METRICS + "2,29,0.5,,\n")
    assert metrics_of(shared, run)["attempt"] == first
    write_metrics(run, METRICS.replace("0.75", "0.25"))
    assert metrics_of(shared, run)["attempt"] != first


def test_a_folder_for_a_file_is_no_metrics(shared: LiveServer) -> None:
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}")
    (run / "csv" / "metrics.csv").mkdir(parents=True)
    problem(shared.get(f"/training/metrics/runs/{run.name}"), 404)


@pytest.mark.parametrize("text", ["", "epoch,step,train/loss\n", "epoch,step,train/loss", "\n\n"])
def test_a_file_without_rows_has_no_rows(shared: LiveServer, text: str) -> None:
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics=text)
    body = metrics_of(shared, run)
    assert (body["total_rows"], body["max_epoch"], body["max_step"], body["data"]) == (0, None, None, [])
    summary = shared.get(f"/training/metrics/runs/{run.name}/summary").json()
    assert (summary["total_epochs"], summary["best_metrics"]) == (0, {})


def test_a_last_line_without_its_end_counts_once_the_run_is_over(shared: LiveServer) -> None:
    server, go = shared, shared.home / "go"
    run_id = server.start_run(server.write_command("w", "exit_when_told.py", str(go), "0"))
    run = server.runs_dir / run_id
    server.wait_for_state(run_id, "running")
    write_metrics(run, "epoch,step,x\n0,1,2\n0,2,3", "output/metrics.csv")
    tag = server.get(f"/training/metrics/runs/{run_id}").headers["ETag"]
    assert metrics_of(server, run)["total_rows"] == 1
    go.touch()
    server.wait_for_state(run_id, "completed")
    answer = server.get(f"/training/metrics/runs/{run_id}", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.json()["total_rows"]) == (200, 2)


def test_extreme_numbers_are_numbers_or_null(shared: LiveServer) -> None:
    cells = ["1e308", "-1e-320", "1e999", "-inf", "nan", " 5 "]
    text = "epoch,step,x\n" + "".join(f"1e300,{i},{cell}\n" for i, cell in enumerate(cells))
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics=text)
    body = metrics_of(shared, run)
    assert [row["x"] for row in body["data"]] == [1e308, -1e-320, None, None, None, 5.0]
    assert body["max_epoch"] == 1e300
    assert len(shared.get(f"/training/metrics/runs/{run.name}").content) < 1500, "no number of 300 digits"


def test_a_run_without_metrics_and_an_unknown_run_are_404(shared: LiveServer) -> None:
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}")
    for path in (run.name, f"{run.name}/summary", "unknown", "unknown/summary"):
        body = problem(shared.get(f"/training/metrics/runs/{path}"), 404)
        assert path.partition("/")[0] in body["message"]


def test_the_summary_takes_the_least_loss_and_the_greatest_accuracy(shared: LiveServer) -> None:
    text = (
        "epoch,step,train/loss,val/acc,val/Error_rate\n"
        "0,9,3,,\n0,9,,0.5,0.25\n1,19,nan,,\n1,19,,0.875,0.125\n2,29,2,,\n2,29,,0.75,0.5\n3,30,,,inf\n"
    )
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics=text)
    assert shared.get(f"/training/metrics/runs/{run.name}/summary").json() == {
        "run_id": run.name,
        "total_epochs": 4,
        "total_steps": 30,
        "best_metrics": {"best_train/loss": 2.0, "best_val/acc": 0.875, "best_val/Error_rate": 0.125},
        "final_metrics": {"train/loss": 2.0, "val/acc": 0.75, "val/Error_rate": 0.5},
        "directions": {"train/loss": "lower", "val/acc": "higher", "val/Error_rate": "lower"},
        "num_skipped_rows": 0,
        "available_columns": ["epoch", "step", "train/loss", "val/acc", "val/Error_rate"],
    }


def test_without_runs_there_is_no_latest(empty: LiveServer) -> None:
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


def test_runs_are_listed_newest_first_with_the_contracts_fields(empty: LiveServer) -> None:
    write_run(empty.runs_dir, "2026-01-01_00-00-00", "failed", reason="exit code 3", metrics=METRICS)
    write_run(empty.runs_dir, "2026-01-02_00-00-00", None, created_at="2026-01-02T00:00:00+00:00")
    (empty.runs_dir / "2026-01-03_00-00-00").mkdir()
    (empty.runs_dir / ".hidden").mkdir()
    (empty.runs_dir / "file").write_text("")
    bare, interrupted, failed = empty.get("/training/metrics/runs").json()
    assert interrupted == {
        "run_id": "2026-01-02_00-00-00",
        "created_at": "2026-01-02T00:00:00+00:00",
        "modified_at": interrupted["modified_at"],
        "status": "interrupted",
        "has_metrics": False,
        "has_checkpoint": False,
        "metrics_file": None,
        "config_name": "digits.yaml",
        "model_name": "digits",
        "reason": "every process of the run is gone and none left a verdict (power loss, or all were killed)",
        "dataset": None,
        "started_at": None,
        "ended_at": None,
        "duration_s": None,
        "best_metrics": None,
        "directions": None,
    }
    assert (failed["status"], failed["has_metrics"], failed["reason"]) == ("failed", True, "exit code 3")
    assert failed["metrics_file"] == str(empty.runs_dir / failed["run_id"] / "csv/version_0/metrics.csv")
    assert (bare["run_id"], bare["status"], bare["config_name"]) == ("2026-01-03_00-00-00", "unknown", None)
    assert bare["created_at"].endswith("+00:00")


def test_the_list_of_runs_is_cut_and_filtered(empty: LiveServer) -> None:
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


def test_the_list_of_runs_is_sorted_and_searched_and_counted(empty: LiveServer) -> None:
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

    for _ in range(2):  # As they are read, and as they are remembered.
        assert days("limit=3") == ([4, 3, 2], 4)
        assert days("sort=val/acc") == ([3, 1, 2, 4], 4)  # The fourth has none.
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


def test_what_is_remembered_of_a_run_is_what_its_files_say(empty: LiveServer) -> None:
    run = write_run(empty.runs_dir, "2026-01-01_00-00-00", "failed", metrics=METRICS)
    path = "/training/metrics/runs?best=1&sort=-val/acc"
    assert empty.get(path).json()[0]["best_metrics"]["val/acc"] == 0.5
    write_metrics(run, "epoch,step,val/acc\n0,1,0.9375\n")
    assert empty.get(path).json()[0]["best_metrics"] == {"val/acc": 0.9375}


def test_what_is_changed_by_hand_shows_at_once_in_the_list(empty: LiveServer) -> None:
    """A row that is kept is one whose files are what they were; so a kept list of the folder."""
    runs = [write_run(empty.runs_dir, f"2026-01-0{day}_00-00-00", metrics=METRICS) for day in (1, 2, 3)]
    long_ago = time.time() - 3600
    os.utime(empty.runs_dir, (long_ago, long_ago))

    def listed(query: str = "") -> dict[str, dict[str, Any]]:
        answer = empty.get(f"/training/metrics/runs?{query}")
        assert int(answer.headers["X-Total-Count"]) == len(answer.json())
        return {run["run_id"][9]: run for run in answer.json()}

    for query in ("", "sort=status"):
        assert set(listed(query)) == {"1", "2", "3"}
    (runs[0] / "state.json").write_text('{"state": "failed", "reason": "told by hand"}')
    assert (listed()["1"]["status"], listed()["1"]["reason"]) == ("failed", "told by hand")
    birth = (runs[1] / "run.json").read_text()
    (runs[1] / "run.json").write_text(birth.replace("digits.yaml", "other.yaml"))
    assert listed()["2"]["config_name"] == "other.yaml"
    newer = write_metrics(runs[1], "epoch,step,val/acc\n0,1,0.25\n", "csv/version_1/metrics.csv")
    told = listed("best=1")["2"]
    assert (told["metrics_file"], told["best_metrics"]) == (str(newer), {"val/acc": 0.25})
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


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "offset=-1", "status=lost", "status=", "page=2"])
def test_a_bad_list_query_is_a_422(shared: LiveServer, query: str) -> None:
    body = problem(shared.get(f"/training/metrics/runs?{query}"), 422)
    assert set(body["errors"]) == {query.partition("=")[0]}
