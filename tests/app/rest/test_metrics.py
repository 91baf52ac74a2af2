"""GET /training/metrics/..., on run directories that the tests write."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from tests.app.answers import metrics_of, problem
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
    """A run that has ended and has METRICS."""
    return write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics=METRICS)


def test_metrics_have_all_fields(shared: LiveServer, run: Path) -> None:
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
        "metrics_problem": None,
        "attempt": body["attempt"],
        "csv_file": str(run / "csv" / "version_0" / "metrics.csv"),
        "last_modified": body["last_modified"],
    }
    assert body["last_modified"].endswith("+00:00")


@pytest.mark.parametrize(
    "path",
    [
        "csv/version_0/metrics.csv", "csv/version_7/metrics.csv", "csv/metrics.csv", "metrics.csv",
        "lightning_logs/version_0/metrics.csv", "lightning_logs/version_12/metrics.csv",
    ],
)  # fmt: skip
def test_metrics_are_found_where_lightning_writes_them(shared: LiveServer, path: str) -> None:
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}")
    write_metrics(run, METRICS, path)
    assert metrics_of(shared, run)["csv_file"] == str(run / path)
    assert metrics_of(shared, run)["total_rows"] == 4


def test_the_newest_version_is_served(shared: LiveServer, run: Path) -> None:
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


def test_since_row_leaves_out_earlier_rows(shared: LiveServer, run: Path) -> None:
    for since in (0, 1, 3, 4, 5, 2**53):
        body = metrics_of(shared, run, f"?since_row={since}")
        assert body["data"] == DATA[since:]
        assert body["non_finite"].get("val/acc") == ({"inf": [3 - since]} if since <= 3 else None)
        assert body["total_rows"] == 4


def test_columns_can_be_selected(shared: LiveServer, run: Path) -> None:
    body = metrics_of(shared, run, "?columns=val/loss,epoch,unknown")
    assert body["data"][1] == {"val/loss": 0.875, "epoch": 0}
    assert body["available_columns"] == COLUMNS
    assert metrics_of(shared, run, "?columns=unknown")["data"] == [{}] * 4


def test_max_points_preserves_peaks_and_ends(shared: LiveServer) -> None:
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


def test_the_points_that_max_points_selects_stay_while_the_run_grows(shared: LiveServer) -> None:
    lines = [f"{i // 100},{i},{(i * 7919) % 1000}.5\n" for i in range(3000)]
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics="epoch,step,train/loss\n")
    steps: list[set[int]] = []
    for start in range(2600, 3000, 100):  # Between two doublings of the buckets.
        write_metrics(run, "epoch,step,train/loss\n" + "".join(lines[:start]))
        steps.append({row["step"] for row in metrics_of(shared, run, "?max_points=200")["data"]})
    for before, after in pairwise(steps):
        assert not {step for step in before - after if step < max(before) - 100}


def test_metrics_that_the_client_has_are_a_304(shared: LiveServer, run: Path) -> None:
    path = f"/training/metrics/runs/{run.name}"
    for target in (path, f"{path}?max_points=2", f"{path}?since_row=1", f"{path}/summary"):
        first = shared.get(target)
        tag = first.headers["ETag"]
        assert not tag.startswith("W/")
        again = shared.get(target, headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
        # A proxy that compresses makes the tag weak.
        assert shared.get(target, headers={"If-None-Match": f'"other", W/{tag}'}).status_code == 304
        assert shared.get(target, headers={"If-None-Match": '"other"'}).json() == first.json()
    tags = {shared.get(target).headers["ETag"] for target in (path, f"{path}?since_row=1", f"{path}/summary")}
    assert len(tags) == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "2,29,0.5,,\n",
        lambda text: text.replace("0.75", "0.25"),
        lambda text: text.replace("val/acc", "val/f1"),
        lambda text: text[: text.rindex("1,19")],
    ],
    ids=["grown", "a value changed", "a column renamed", "a row removed"],
)
def test_a_changed_file_is_sent_again(shared: LiveServer, run: Path, change: Callable[[str], str]) -> None:
    path = f"/training/metrics/runs/{run.name}"
    tags = {target: shared.get(target).headers["ETag"] for target in (path, f"{path}/summary")}
    write_metrics(run, change(METRICS))
    fresh = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics=change(METRICS))
    for target, tag in tags.items():
        answer = shared.get(target, headers={"If-None-Match": tag})
        assert answer.status_code == 200
        expected = shared.get(target.replace(run.name, fresh.name)).json()
        own = ("run_id", "csv_file", "last_modified")
        assert {**answer.json(), **dict.fromkeys(own)} == {**expected, **dict.fromkeys(own)}


def test_a_growing_file_is_followed_row_by_row(shared: LiveServer) -> None:
    rows, columns = [], ["epoch", "step", "train/loss"]
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics="epoch,step,train/loss\n")
    file = run / "csv" / "version_0" / "metrics.csv"
    for step in range(60):
        if step == 40:  # Lightning rewrites the file when another metric appears.
            columns = ["a", *columns]
            file.write_text(",".join(columns) + "\n" + "".join(f",0,{row['step']},0.5\n" for row in rows))
        with open(file, "a") as writer:
            writer.write(("9," if step >= 40 else "") + f"0,{step},0.5\n0,{step + 1}")  # The last row is unfinished.
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


def test_a_long_file_blocks_no_other_request(shared: LiveServer) -> None:
    text = "epoch,step,train/loss,val/acc\n" + "".join(f"{i // 100},{i},{1 / (i + 1)},\n" for i in range(200_000))
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics=text)
    with ThreadPoolExecutor(1) as others:
        # The test parses the content later: parsing here would block its own threads.
        reading = others.submit(lambda: shared.get(f"/training/metrics/runs/{run.name}").content)
        num_answers = 0
        while not reading.done():
            assert shared.get("/ping").status_code == 200
            num_answers += 1
    assert json.loads(reading.result())["total_rows"] == 200_000
    assert num_answers > 5, "a blocked request would have waited until the file was read"


def test_a_run_without_metrics_and_an_unknown_run_are_404(shared: LiveServer) -> None:
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}")
    for path in (run.name, f"{run.name}/summary", "unknown", "unknown/summary"):
        body = problem(shared.get(f"/training/metrics/runs/{path}"), 404)
        assert path.partition("/")[0] in body["message"]


def test_the_summary_has_the_lowest_loss_and_the_highest_accuracy(shared: LiveServer) -> None:
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
        "monitor": None,
        "metrics_problem": None,
    }
