"""GET /training/runs/{run_id}, and the log of the run."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.app.answers import problem
from tests.app.written import METRICS, write_config, write_dataset, write_metrics, write_model, write_report, write_run
from tests.routes import every_get
from tests.servers import LiveServer
from tests.waiting import wait_until

TEXT = "línea 1\n漢字 🙂\rende\n"


@pytest.fixture
def run(shared: LiveServer) -> Path:
    return write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", log=TEXT.encode(), metrics=METRICS)


def test_a_run_is_described_in_full(shared: LiveServer, run: Path) -> None:
    (run / "progress.json").write_text('{"epoch": 2, "max_epochs": 3, "eta_s": Infinity, "samples_per_s": 1e999}')
    (run / "stop.json").write_text('{"mode": "save", "requested_by": "test"}')
    (run / "preflight.json").write_text('{"status": "checked"}')
    model = write_model(run)
    described = shared.run(run.name)
    artifacts = described.pop("artifacts")
    assert described.pop("size_bytes") == sum(file["size"] for file in artifacts)
    card = described.pop("model")
    assert described.pop("models") == [card]
    assert described == {
        "run_id": run.name,
        "state": "completed",
        "reason": None,
        "pid": None,
        "node": None,
        "gpus": None,
        "config_name": "digits.yaml",
        "model_name": "digits",
        "request": {"config_name": "digits.yaml", "model_name": "digits", "overrides": {}},
        "created_at": "2026",
        "started_at": "2026-01-01T00:00:00+00:00",
        "ended_at": "2026-01-02",
        "exit_code": 0,
        "signal": None,
        "on_stop": None,
        "progress": {
            **{"epoch": 2, "max_epochs": 3, "eta_s": None, "samples_per_s": None},
            **{"source": "progress.json", "percent": 100.0, "scope": "training"},
        },
        "origin": None,
        "title": None,
        "note": None,
        "tags": [],
        "parameters": None,
        "can_resume": False,
        "silent_s": None,
        "config": {"command": {"argv": ["true"]}},
        "preflight": {"status": "checked"},
        "stop": {"mode": "save", "requested_by": "test"},
        "usage_problem": "it ended before the first measurement",
        "queue": None,
    }
    assert card["model_path"] == str(model)
    assert {file["path"]: file["size"] for file in artifacts}["checkpoints/epoch_003.onnx"] == 4


GARBAGE = [b"", b"{", b"\xff\xfe", b"[]", b'"running"', b"{" * 100_000, b'{"state": 7, "pid": "x", "exit_code": "y"}']


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_in_every_file_is_no_500(shared: LiveServer, run: Path, garbage: bytes) -> None:
    names = (
        "run.json",
        "config.yaml",
        "usage.csv",
        "state.json",
        "stop.json",
        "progress.json",
        "result.json",
        "train.log",
        "preflight.json",
        "report.json",
    )
    for name in (*names, "classification_model.json", "csv/version_0/metrics.csv"):
        (run / name).write_bytes(garbage)
    described = shared.run(run.name)
    is_foreign = garbage.startswith(b'{"')
    assert described["state"] == ("unknown" if is_foreign else "interrupted")
    assert (described["pid"], described["exit_code"], described["signal"]) == (None, None, None)
    for path in ("metrics/runs", "models", "trained_models", "status", f"runs/{run.name}/log"):
        assert shared.get(f"/training/{path}").status_code == 200
    assert shared.get(f"/training/metrics/runs/{run.name}").status_code in (200, 422)
    assert shared.get(f"/training/metrics/runs/{run.name}/summary").status_code in (200, 422)
    assert shared.get(f"/training/runs/{run.name}/report").status_code in (200, 404, 422)
    problem(shared.get(f"/training/models/{run.name}/download"), 404)


def test_half_a_surrogate_pair_in_a_file_is_no_500(shared: LiveServer, run: Path) -> None:
    (run / "progress.json").write_text('{"text": "\\ud800"}')
    assert shared.get(f"/training/runs/{run.name}").status_code == 200


def log_of(server: LiveServer, run: Path, query: str) -> dict[str, Any]:
    answer = server.get(f"/training/runs/{run.name}/log{query}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_the_log_has_all_fields(shared: LiveServer, run: Path) -> None:
    size = len(TEXT.encode())
    assert log_of(shared, run, "") == {
        "run_id": run.name, "offset": 0, "next_offset": size, "size": size, "text": TEXT
    }  # fmt: skip
    assert log_of(shared, run, f"?offset={size}")["text"] == ""
    assert log_of(shared, run, f"?offset={2**53}") == {
        "run_id": run.name, "offset": size, "next_offset": size, "size": size, "text": ""
    }  # fmt: skip


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 7, 100])
def test_chunks_of_the_log_join_to_its_text(shared: LiveServer, run: Path, limit: int) -> None:
    text, offset = "", 0
    while (chunk := log_of(shared, run, f"?offset={offset}&limit={limit}"))["next_offset"] > offset:
        assert chunk["offset"] == offset
        offset = chunk["next_offset"]
        text += chunk["text"]
    assert text == TEXT
    assert offset == len(TEXT.encode())


def test_a_negative_offset_counts_from_the_end_and_splits_no_character(shared: LiveServer, run: Path) -> None:
    encoded = TEXT.encode()
    for back in range(1, len(encoded) + 10):
        chunk = log_of(shared, run, f"?offset=-{back}")
        assert encoded[chunk["offset"] :].decode() == chunk["text"]
        assert 0 <= chunk["offset"] - max(0, len(encoded) - back) <= 3
        assert chunk["next_offset"] == chunk["size"] == len(encoded)


def test_a_chunk_can_start_at_the_beginning_of_a_line(shared: LiveServer, run: Path) -> None:
    (run / "train.log").write_bytes(b"one\ntwo\nthree")
    for query, text in {
        "offset=1": "two\nthree",
        "offset=4&limit=4": "two\n",
        "offset=9": "hree",
        "offset=-7": "three",
    }.items():
        chunk = log_of(shared, run, f"?from_line=1&{query}")
        assert (chunk["text"], chunk["next_offset"] - chunk["offset"]) == (text, len(text))


def test_the_log_is_searched_chunk_by_chunk(shared: LiveServer, run: Path) -> None:
    (run / "train.log").write_bytes(b"an Error\nfine\nanother error")
    matches = log_of(shared, run, "/search?text=eRRor")
    assert matches == {"run_id": run.name, "offset": 0, "next_offset": 27, "size": 27, "lines": [0, 14]}
    first = log_of(shared, run, "/search?text=error&limit=2")
    assert (first["lines"], first["next_offset"]) == ([0], 9)
    assert log_of(shared, run, "/search?text=error&offset=9")["lines"] == [14]
    assert set(problem(shared.get(f"/training/runs/{run.name}/log/search"), 422)["errors"]) == {"text"}


def test_bytes_that_are_not_utf8_are_replaced(shared: LiveServer, run: Path) -> None:
    (run / "train.log").write_bytes(b"a\xff\xfeb\xf0\x9f")
    assert log_of(shared, run, "")["text"] == "a\ufffd\ufffdb\ufffd"
    assert log_of(shared, run, "")["next_offset"] == 6


def test_a_missing_log_is_an_empty_log(shared: LiveServer, run: Path) -> None:
    (run / "train.log").unlink()
    assert log_of(shared, run, "") == {"run_id": run.name, "offset": 0, "next_offset": 0, "size": 0, "text": ""}


@pytest.mark.parametrize("query", ["offset=x", "offset=1.5", "limit=0", "limit=-1", "limit=99999999", "from=0"])
def test_a_bad_log_query_is_a_422(shared: LiveServer, run: Path, query: str) -> None:
    body = problem(shared.get(f"/training/runs/{run.name}/log?{query}"), 422)
    assert set(body["errors"]) == {query.partition("=")[0]}


def test_every_get_answers_and_leaves_the_run_unchanged(empty: LiveServer, run: Path) -> None:
    write_model(run)
    write_report(run)
    (run / "usage.csv").write_text("time,cpu_percent,memory_mb\n2,100,500\n")
    name = write_config(empty, "known.yaml")
    write_dataset(empty.data_dir, name)  # The name then denotes both an experiment and a dataset.
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    for path in every_get(run_id=run.name, name=name, path="state.json", filename="main.js"):
        expected = {404} if path.endswith("variant=int8") else {200, 202}
        assert empty.get(path).status_code in expected, path
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_directory_of_another_program_is_unknown_everywhere_and_can_be_deleted(shared: LiveServer) -> None:
    path = shared.runs_dir / f"copied-{time.monotonic_ns()}"
    write_metrics(path, METRICS, "metrics.csv")
    write_report(path)
    (path / "state.json").write_text('{"state": "failed", "reason": "theirs", "pid": 1}')
    (path / "config.yaml").write_text("lr: 0.1")
    (path / "notes.json").write_text('{"title": "theirs"}')
    for file in path.rglob("*"):
        os.utime(file, (10**9, 10**9))
    described = shared.run(path.name)
    fields = ("state", "config", "model", "models", "pid", "title")
    assert [described[name] for name in fields] == ["unknown", None, None, [], None, None]
    message = problem(shared.patch(f"/training/runs/{path.name}", {"title": "ours"}), 409)["message"]
    assert "did not create the directory" in message
    assert "theirs" in (path / "notes.json").read_text()
    assert "did not create the directory" in described["reason"]
    assert (described["created_at"], described["ended_at"]) == ("2001-09-09T01:46:40+00:00",) * 2
    for wanted, names in (("unknown", [path.name]), ("interrupted", []), ("failed", [])):
        listed = shared.get(f"/training/metrics/runs?status={wanted}").json()
        assert [each["run_id"] for each in listed if each["run_id"] == path.name] == names
    assert shared.get(f"/training/metrics/runs/{path.name}").json()["total_rows"] == 4
    assert "only our own trainer" in problem(shared.get(f"/training/runs/{path.name}/report"), 404)["message"]
    refused = shared.post("/training/start", {"resume_from": path.name})
    assert "resume_from" in problem(refused, 422)["errors"]
    assert shared.get("/training/status").json()["running"] is False
    assert shared.delete(f"/training/models/{path.name}").json()["success"]
    assert not path.exists()


def test_a_run_gets_a_title_a_note_and_tags(eventlet_server: LiveServer) -> None:
    runs_dir = eventlet_server.runs_dir
    run, other = (write_run(runs_dir, f"2026-01-0{day}_00-00-00") for day in (1, 2))
    listed = {each["run_id"]: each for each in eventlet_server.get("/training/metrics/runs").json()}
    assert (listed[run.name]["title"], listed[run.name]["tags"]) == (None, [])
    path = f"{eventlet_server.url}/training/runs/{run.name}"
    changes = {"title": "Größer", "note": "Two\nlines", "tags": ["paper"]}
    with eventlet_server.client() as client:
        published: list[dict[str, Any]] = []
        client.on("run", published.append, namespace="/training")
        client.call("subscribe", {"run_id": run.name}, namespace="/training", timeout=10)
        answer = requests.patch(path, json=changes, timeout=30).json()
        assert answer | changes == answer
        wait_until(lambda: [each | changes for each in published] == published != [], 10, lambda: published)
    answer = requests.patch(path, json={"title": None}, timeout=30).json()
    assert (answer["title"], answer["note"], answer["tags"]) == (None, "Two\nlines", ["paper"])
    assert requests.patch(path, json={"title": "Best"}, timeout=30).json()["title"] == "Best"
    refused = problem(
        eventlet_server.patch(f"/training/runs/{run.name}", {"title": "Mine", "expected": {"title": None}}), 409
    )
    assert ["Best" in text for text in refused["errors"]["title"]] == [True]
    expected = {"title": "Best", "tags": ["paper"], "note": "Two\nlines"}
    eventlet_server.patch(f"/training/runs/{run.name}", {"note": None, "expected": expected}).raise_for_status()
    for query in ("tag=paper", "search=best", "search=APE"):
        [found] = eventlet_server.get(f"/training/metrics/runs?{query}").json()
        assert (found["run_id"], found["title"], found["tags"]) == (run.name, "Best", ["paper"])
    assert not (other / "notes.json").exists()


@pytest.mark.parametrize(
    "body",
    [
        {"title": ""},
        {"title": "a\nb"},
        {"note": 7},
        {"tags": None},
        {"tags": ["x"] * 21},
        {"tags": [""]},
        {"x": 1},
        {"expected": {"x": 1}},
    ],
)
def test_bad_notes_are_a_422_and_change_nothing(module_server: LiveServer, body: dict[str, Any]) -> None:
    run = module_server.runs_dir / "2026-01-03_00-00-00"
    if not run.exists():
        write_run(module_server.runs_dir, run.name)
    answer = requests.patch(f"{module_server.url}/training/runs/{run.name}", json=body, timeout=30)
    problem(answer, 422)
    assert not (run / "notes.json").exists()
