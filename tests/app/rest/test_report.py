"""GET /training/runs/{run_id}/report."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.app.answers import problem
from tests.app.written import write_report, write_run
from tests.servers import LiveServer


@pytest.fixture
def run(shared: LiveServer) -> Path:
    return write_run(shared.runs_dir, f"run-{time.monotonic_ns()}")


MALFORMED_REPORTS: dict[str, Any] = {
    "accuracy": 0.75,
    "classes": "cat, dog",
    "confusion_matrix": {"class_names": ["cat"], "counts": "many"},
    "mistakes": [None],
    "calibration": {"bins": None},
}


def report_of(server: LiveServer, run: Path) -> requests.Response:
    return server.get(f"/training/runs/{run.name}/report")


def test_the_report_is_served_unchanged_and_its_pictures_are_artifacts(shared: LiveServer, run: Path) -> None:
    written = write_report(run)
    picture = run / written["mistakes"][0]["image"]
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"png")
    answer = report_of(shared, run)
    assert (answer.status_code, answer.json()) == (200, written)
    assert {"report.json", "report/mistakes/01.png"} <= {each["path"] for each in shared.run(run.name)["artifacts"]}
    assert shared.get(f"/training/runs/{run.name}/artifacts/report/mistakes/01.png").content == b"png"


def test_numbers_that_are_not_finite_are_null_in_a_report(shared: LiveServer, run: Path) -> None:
    write_report(run, loss=float("nan"), macro_f1=float("inf"))
    report = report_of(shared, run).json()
    assert (report["loss"], report["macro_f1"]) == (None, None)


@pytest.mark.parametrize("content", [b"", b'{"accuracy": ', b"[]", b"\xff"])
def test_a_corrupt_report_is_a_422_that_names_it(shared: LiveServer, run: Path, content: bytes) -> None:
    (run / "report.json").write_bytes(content)
    assert "report.json" in problem(report_of(shared, run), 422)["message"]


@pytest.mark.parametrize("name", MALFORMED_REPORTS)
def test_a_malformed_report_is_a_422_that_names_its_fields(shared: LiveServer, run: Path, name: str) -> None:
    write_report(run, **{name: MALFORMED_REPORTS[name]})
    body = problem(report_of(shared, run), 422)
    assert name in body["message"]
    assert {path.partition(".")[0] for path in body["errors"]} == {name}


def test_a_report_of_an_earlier_version_is_served(shared: LiveServer, run: Path) -> None:
    report = write_report(run)
    (run / "report.json").write_text(
        json.dumps({k: v for k, v in report.items() if k not in ("split", "splits", "notes")})
    )
    assert report_of(shared, run).status_code == 200


@pytest.mark.parametrize(
    ("state", "config", "expected"),
    [
        ("stopped", "model: {}", "resume_from"),
        ("failed", "model: {}", "best checkpoint"),
        ("completed", "model: {}", "log"),
        ("completed", 'command:\n  argv: ["true"]\n', "command experiment"),
    ],
)
def test_a_missing_report_is_a_404_that_says_why(shared: LiveServer, state: str, config: str, expected: str) -> None:
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", state)
    (run / "config.yaml").write_text(config)
    message = problem(report_of(shared, run), 404)["message"]
    assert f"{run.name} is {state}" in message
    assert expected in message
