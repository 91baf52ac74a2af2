"""Metrics files of other programs: other formats, malformed lines, extreme numbers, no rows."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.app.answers import metrics_of, problem
from tests.app.written import METRICS, write_metrics, write_run
from tests.servers import LiveServer


@pytest.fixture
def run(shared: LiveServer) -> Path:
    """A run that has ended and has METRICS."""
    return write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics=METRICS)


UNREADABLE = {
    "UTF-16": "epoch,step\n0,1\n".encode("utf-16"),
    "an endless header": b"epoch,step" * 200_000,
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_file_is_a_422_that_names_it(shared: LiveServer, content: bytes) -> None:
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics=content)
    for path in (run.name, f"{run.name}/summary"):
        body = problem(
            shared.get(f"/training/metrics/runs/{path}"), 422, csv_file=str(run / "csv/version_0/metrics.csv")
        )
        assert body["csv_file"] in body["message"]


MALFORMED_LINES = {
    "not UTF-8": b"\xff\xfe,1,2",
    "NUL bytes": b"\0\0,1,2",
    "a row longer than its header": b"1,2,3,4",
    "an open quote": b'"1,2,3',
    "a repeated header": b"epoch,step,train/loss",
    "longer than any row": b"1" * 2_000_000 + b",1,2",
}


@pytest.mark.parametrize("line", MALFORMED_LINES.values(), ids=MALFORMED_LINES)
def test_a_malformed_line_affects_no_other_row(shared: LiveServer, line: bytes) -> None:
    content = b"epoch,step,train/loss\n0,1,0.75\n" + line + b"\n0,2,0.5\n"
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics=content)
    body = metrics_of(shared, run)
    assert [list(row.values()) for row in body["data"]] == [[0, 1, 0.75], [0, 2, 0.5]]
    assert (body["total_rows"], body["num_skipped_rows"]) == (2, 1)
    assert body["skipped_rows"][0]["line"] == 3
    assert len(metrics_of(shared, run, "?max_points=2")["data"]) == 2
    summary = shared.get(f"/training/metrics/runs/{run.name}/summary").json()
    assert (summary["best_metrics"], summary["num_skipped_rows"]) == ({"best_train/loss": 0.5}, 1)


def test_other_table_formats_are_read(shared: LiveServer) -> None:
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


def test_text_cells_are_left_out_and_their_columns_are_named(shared: LiveServer) -> None:
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


def test_epochs_are_the_programs_own_numbers(shared: LiveServer) -> None:
    text = "epoch,step,loss\n0.5,10,2.5\n1.0,20,2.25\n1.5,30,2.0\n2.0,40,1.75\n"
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics=text)
    body = metrics_of(shared, run)
    assert [row["epoch"] for row in body["data"]] == [0.5, 1.0, 1.5, 2.0]
    assert body["max_epoch"] == 2
    assert shared.get(f"/training/metrics/runs/{run.name}/summary").json()["total_epochs"] == 2


def test_a_restarted_file_is_another_attempt(shared: LiveServer, run: Path) -> None:
    first = metrics_of(shared, run)["attempt"]
    write_metrics(run, METRICS + "2,29,0.5,,\n")
    assert metrics_of(shared, run)["attempt"] == first
    write_metrics(run, METRICS.replace("0.75", "0.25"))
    assert metrics_of(shared, run)["attempt"] != first


def test_a_folder_in_place_of_the_metrics_file_is_a_404(shared: LiveServer) -> None:
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}")
    (run / "csv" / "metrics.csv").mkdir(parents=True)
    problem(shared.get(f"/training/metrics/runs/{run.name}"), 404)


@pytest.mark.parametrize("text", ["", "epoch,step,train/loss\n", "epoch,step,train/loss", "\n\n"])
def test_a_file_without_rows_is_an_empty_table(shared: LiveServer, text: str) -> None:
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", metrics=text)
    body = metrics_of(shared, run)
    assert (body["total_rows"], body["max_epoch"], body["max_step"], body["data"]) == (0, None, None, [])
    summary = shared.get(f"/training/metrics/runs/{run.name}/summary").json()
    assert (summary["total_epochs"], summary["best_metrics"]) == (0, {})


def test_an_unterminated_last_line_counts_once_the_run_has_ended(shared: LiveServer) -> None:
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
    assert len(shared.get(f"/training/metrics/runs/{run.name}").content) < 1500, (
        "the answer writes 1e300 without its 300 digits"
    )
