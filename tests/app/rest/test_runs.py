"""GET /training/runs/{run_id}, its log and its artifacts."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.app.answers import ask, check_shape, problem
from tests.app.written import METRICS, write_metrics, write_model, write_report, write_run
from tests.servers import LiveServer

TEXT = "línea 1\n漢字 🙂\rende\n"


@pytest.fixture
def run(shared: LiveServer) -> Path:
    return write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", log=TEXT.encode(), metrics=METRICS)


def test_a_run_is_described_in_full(shared: LiveServer, run: Path) -> None:
    (run / "progress.json").write_text('{"epoch": 2, "max_epochs": 3, "eta_s": Infinity, "samples_per_s": 1e999}')
    (run / "stop.json").write_text('{"mode": "save", "requested_by": "test"}')
    (run / "preflight.json").write_text('{"status": "checked"}')
    model = write_model(run)
    told = shared.run(run.name)
    artifacts = told.pop("artifacts")
    card = told.pop("model")
    assert told == {
        "run_id": run.name,
        "state": "completed",
        "reason": None,
        "pid": None,
        "config_name": "digits.yaml",
        "model_name": "digits",
        "request": {"config_name": "digits.yaml", "model_name": "digits", "overrides": {}},
        "created_at": "2026",
        "started_at": "2026-01-01T00:00:00+00:00",
        "ended_at": "2026-01-02",
        "exit_code": 0,
        "signal": None,
        "on_stop": None,
        "progress": {"epoch": 2, "max_epochs": 3, "eta_s": None, "samples_per_s": None},
        "silent_s": None,
        "config": {"command": {"argv": ["true"]}},
        "preflight": {"status": "checked"},
        "stop": {"mode": "save", "requested_by": "test"},
    }
    assert card["model_path"] == str(model)
    assert {file["path"]: file["size"] for file in artifacts}["checkpoints/epoch_003.onnx"] == 4


GARBAGE = [b"", b"{", b"\xff\xfe", b"[]", b'"running"', b"{" * 100_000, b'{"state": 7, "pid": "x", "exit_code": "y"}']


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_in_every_file_is_no_500(shared: LiveServer, run: Path, garbage: bytes) -> None:
    names = (
        "run.json",
        "config.yaml",
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
    told = shared.run(run.name)
    is_of_another_program = garbage.startswith(b'{"')
    assert told["state"] == ("unknown" if is_of_another_program else "interrupted")
    assert (told["pid"], told["exit_code"], told["signal"]) == (None, None, None)
    for path in ("metrics/runs", "models", "trained_models", "status", f"runs/{run.name}/log"):
        assert shared.get(f"/training/{path}").status_code == 200
    assert shared.get(f"/training/metrics/runs/{run.name}").status_code in (200, 422)
    assert shared.get(f"/training/metrics/runs/{run.name}/summary").status_code in (200, 422)
    assert shared.get(f"/training/runs/{run.name}/report").status_code in (200, 404, 422)
    problem(shared.get(f"/training/models/{run.name}/download"), 404)


def test_half_a_surrogate_pair_in_a_file_is_no_500(shared: LiveServer, run: Path) -> None:
    (run / "progress.json").write_text('{"text": "\\ud800"}')
    assert shared.get(f"/training/runs/{run.name}").status_code == 200


# ---- the report ----


def report_of(server: LiveServer, run: Path) -> requests.Response:
    return server.get(f"/training/runs/{run.name}/report")


def test_the_report_is_told_as_it_is_and_its_pictures_are_artifacts(shared: LiveServer, run: Path) -> None:
    written = write_report(run)
    picture = run / written["mistakes"][0]["image"]
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"png")
    answer = report_of(shared, run)
    assert (answer.status_code, answer.json()) == (200, written)
    assert {"report.json", "report/mistakes/01.png"} <= {each["path"] for each in shared.run(run.name)["artifacts"]}
    assert shared.get(f"/training/runs/{run.name}/artifacts/report/mistakes/01.png").content == b"png"


def test_what_json_has_not_is_null_in_a_report(shared: LiveServer, run: Path) -> None:
    write_report(run, loss=float("nan"), macro_f1=float("inf"))
    told = report_of(shared, run).json()
    assert (told["loss"], told["macro_f1"]) == (None, None)


@pytest.mark.parametrize("content", [b"", b'{"accuracy": ', b"[]", b"\xff"])
def test_a_spoilt_report_is_a_422_that_names_it(shared: LiveServer, run: Path, content: bytes) -> None:
    (run / "report.json").write_bytes(content)
    assert "report.json" in problem(report_of(shared, run), 422)["message"]


MALFORMED_REPORTS: dict[str, Any] = {
    "accuracy": 0.75,
    "classes": "cat, dog",
    "confusion_matrix": {"class_names": ["cat"], "counts": "many"},
    "mistakes": [None],
    "calibration": {"bins": None},
}


@pytest.mark.parametrize("name", MALFORMED_REPORTS)
def test_a_report_that_is_not_as_documented_is_a_422_that_names_its_fields(
    shared: LiveServer, run: Path, name: str
) -> None:
    write_report(run, **{name: MALFORMED_REPORTS[name]})
    told = problem(report_of(shared, run), 422)
    assert name in told["message"]
    assert set(told["errors"]) == {name}


def test_a_report_of_an_earlier_version_is_told(shared: LiveServer, run: Path) -> None:
    report = write_report(run)
    (run / "report.json").write_text(
        json.dumps({k: v for k, v in report.items() if k not in ("split", "splits", "notes")})
    )
    assert report_of(shared, run).status_code == 200


@pytest.mark.parametrize(
    ("state", "config", "told"),
    [
        ("stopped", "model: {}", "resume_from"),
        ("failed", "model: {}", "before its best checkpoint was tested"),
        ("completed", "model: {}", "log"),
        ("completed", 'command:\n  argv: ["true"]\n', "command experiment"),
    ],
)
def test_without_a_report_a_404_says_why(shared: LiveServer, state: str, config: str, told: str) -> None:
    run = write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", state)
    (run / "config.yaml").write_text(config)
    message = problem(report_of(shared, run), 404)["message"]
    assert f"{run.name} is {state}" in message
    assert told in message


# ---- the log ----


def log_of(server: LiveServer, run: Path, query: str) -> dict[str, Any]:
    answer = server.get(f"/training/runs/{run.name}/log{query}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_the_log_has_the_contracts_fields(shared: LiveServer, run: Path) -> None:
    size = len(TEXT.encode())
    assert log_of(shared, run, "") == {
        "run_id": run.name, "offset": 0, "next_offset": size, "size": size, "text": TEXT
    }  # fmt: skip
    assert log_of(shared, run, f"?offset={size}")["text"] == ""
    assert log_of(shared, run, f"?offset={2**53}") == {
        "run_id": run.name, "offset": size, "next_offset": size, "size": size, "text": ""
    }  # fmt: skip


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 7, 100])
def test_pieces_of_the_log_joined_give_the_text(shared: LiveServer, run: Path, limit: int) -> None:
    text, offset = "", 0
    while (piece := log_of(shared, run, f"?offset={offset}&limit={limit}"))["next_offset"] > offset:
        assert piece["offset"] == offset
        offset = piece["next_offset"]
        text += piece["text"]
    assert text == TEXT
    assert offset == len(TEXT.encode())


def test_a_negative_offset_counts_from_the_end_and_splits_no_character(shared: LiveServer, run: Path) -> None:
    encoded = TEXT.encode()
    for back in range(1, len(encoded) + 10):
        piece = log_of(shared, run, f"?offset=-{back}")
        assert encoded[piece["offset"] :].decode() == piece["text"]
        assert 0 <= piece["offset"] - max(0, len(encoded) - back) <= 3
        assert piece["next_offset"] == piece["size"] == len(encoded)


def test_a_piece_may_begin_where_a_line_does(shared: LiveServer, run: Path) -> None:
    (run / "train.log").write_bytes(b"one\ntwo\nthree")
    for query, text in {
        "offset=1": "two\nthree",
        "offset=4&limit=4": "two\n",
        "offset=9": "hree",
        "offset=-7": "three",
    }.items():
        piece = log_of(shared, run, f"?from_line=1&{query}")
        assert (piece["text"], piece["next_offset"] - piece["offset"]) == (text, len(text))


def test_the_log_is_searched_a_stretch_at_a_time(shared: LiveServer, run: Path) -> None:
    (run / "train.log").write_bytes(b"an Error\nfine\nanother error")
    told = log_of(shared, run, "/search?text=eRRor")
    assert told == {"run_id": run.name, "offset": 0, "next_offset": 27, "size": 27, "lines": [0, 14]}
    first = log_of(shared, run, "/search?text=error&limit=2")
    assert (first["lines"], first["next_offset"]) == ([0], 9)
    assert log_of(shared, run, "/search?text=error&offset=9")["lines"] == [14]
    assert set(problem(shared.get(f"/training/runs/{run.name}/log/search"), 422)["errors"]) == {"text"}


def test_bytes_that_are_no_text_are_marked(shared: LiveServer, run: Path) -> None:
    (run / "train.log").write_bytes(b"a\xff\xfeb\xf0\x9f")
    assert log_of(shared, run, "")["text"] == "a\ufffd\ufffdb\ufffd"
    assert log_of(shared, run, "")["next_offset"] == 6


def test_a_run_without_a_log_has_an_empty_one(shared: LiveServer, run: Path) -> None:
    (run / "train.log").unlink()
    assert log_of(shared, run, "") == {"run_id": run.name, "offset": 0, "next_offset": 0, "size": 0, "text": ""}


@pytest.mark.parametrize("query", ["offset=x", "offset=1.5", "limit=0", "limit=-1", "limit=99999999", "from=0"])
def test_a_bad_log_query_is_a_422(shared: LiveServer, run: Path, query: str) -> None:
    body = problem(shared.get(f"/training/runs/{run.name}/log?{query}"), 422)
    assert set(body["errors"]) == {query.partition("=")[0]}


def test_artifacts_are_listed_with_their_sizes(shared: LiveServer, run: Path, tmp_path: Path) -> None:
    write_model(run, b"12345")
    (run / "secret").symlink_to("/etc/passwd")
    (run / "folder").symlink_to(tmp_path)
    (run / ".temporary").write_text("")
    os.mkfifo(run / "fifo")
    (tmp_path / "outside").write_text("")
    body = shared.get(f"/training/runs/{run.name}/artifacts").json()
    assert set(body) == {"run_id", "artifacts"}
    assert body["run_id"] == run.name
    sizes = {file["path"]: file["size"] for file in body["artifacts"]}
    assert list(sizes) == [
        "classification_model.json", "config.yaml", "run.json", "state.json", "train.log",
        "checkpoints/epoch_003.onnx", "csv/version_0/metrics.csv",
    ]  # fmt: skip
    assert sizes["checkpoints/epoch_003.onnx"] == 5
    assert all(file["modified_at"].endswith("+00:00") for file in body["artifacts"])


def test_an_artifact_is_a_download_whatever_it_is(shared: LiveServer, run: Path) -> None:
    (run / "page.html").write_text("<script>alert(1)</script>")
    answer = shared.get(f"/training/runs/{run.name}/artifacts/page.html")
    assert answer.content == b"<script>alert(1)</script>"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == "attachment; filename=page.html"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    answer = shared.get(f"/training/runs/{run.name}/artifacts/csv/version_0/metrics.csv")
    assert answer.text == METRICS


@pytest.mark.parametrize("name", ["a b.txt", "größe.txt", 'quo"te.txt', "%2e.txt", "back\\slash.txt"])
def test_artifacts_with_odd_names_can_be_had(shared: LiveServer, run: Path, name: str) -> None:
    (run / name).write_bytes(b"content")
    quoted = "".join(f"%{byte:02x}" for byte in name.encode())
    assert ask(shared, "GET", f"/training/runs/{run.name}/artifacts/{quoted}") == (200, b"content")


def test_a_part_of_an_artifact_can_be_had(shared: LiveServer, run: Path) -> None:
    path = f"/training/runs/{run.name}/artifacts/train.log"
    whole = shared.get(path)
    part = shared.get(path, headers={"Range": "bytes=0-4"})
    assert (part.status_code, part.content) == (206, TEXT.encode()[:5])
    assert shared.get(path, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    problem(shared.get(path, headers={"Range": "bytes=999999-"}), 416)


OUTSIDE = [
    "../secret", "%2e%2e/secret", "..%2fsecret", "%2e%2e%2fsecret", "%2E%2E%2Fsecret", "csv/../../secret", "..",
    "csv/%2e%2e/%2e%2e/secret", "/etc/passwd", "%2fetc%2fpasswd", "//etc/passwd", "link", "folder/secret", "%00",
    "train.log%00", "train.log%00.txt", "..%5csecret", "%c0%ae%c0%ae/secret", "..%252fsecret", ".", "csv", "", "/",
    "a" * 300, "%ff", "circle", "fifo", "%ed%a0%80",
]  # fmt: skip


@pytest.mark.parametrize("path", OUTSIDE)
def test_no_path_leads_out_of_a_run(shared: LiveServer, run: Path, path: str) -> None:
    secret = shared.runs_dir / "secret"
    secret.write_text("secret")
    (run / "link").symlink_to(secret)
    (run / "folder").symlink_to(shared.runs_dir)
    (run / "circle").symlink_to(run / "circle")
    os.mkfifo(run / "fifo")
    status, body = ask(shared, "GET", f"/training/runs/{run.name}/artifacts/{path}")
    assert status == 404
    check_shape(body, 404)


RUN_IDS = [
    "..", "%2e%2e", "%2e", ".", "..%2fruns", "%2fetc", "link", ".hidden", "%00", "a%00b", "a%0ab", "%ff", "a" * 256,
    "%e6%bc%a2" * 100, "..%5c", "unknown", "%F0%9F%99%82", "file", "%ed%a0%80", "%20", "*", "[!x]*",
]  # fmt: skip


@pytest.mark.parametrize("run_id", RUN_IDS)
def test_no_run_id_leads_out_of_the_folder(shared: LiveServer, tmp_path: Path, run_id: str) -> None:
    (shared.runs_dir / "file").write_text("")
    for name, target in (("link", Path("..")), (".hidden", write_run(tmp_path, "outside"))):
        if not (shared.runs_dir / name).is_symlink():
            (shared.runs_dir / name).symlink_to(target)
    paths = (
        "runs/{}",
        "runs/{}/log",
        "runs/{}/log/search?text=x",
        "runs/{}/artifacts",
        "runs/{}/artifacts/state.json",
        "models/{}/download",
    )
    for path in (*paths, "metrics/runs/{}", "metrics/runs/{}/summary"):
        status, body = ask(shared, "GET", "/training/" + path.format(run_id))
        assert status == 404, (path, body)
        check_shape(body, 404)
    status, body = ask(shared, "DELETE", f"/training/models/{run_id}")
    assert status == 404
    if "success" in body:  # Else it was no address at all.
        assert (body["success"], body["error"]) == (False, body["message"])
        del body["success"], body["error"]
    check_shape(body, 404)
    assert (tmp_path / "outside" / "state.json").is_file()
    assert shared.runs_dir.is_dir()


def test_every_get_leaves_the_run_as_it_is(shared: LiveServer, run: Path) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    for path in ("", "/log", "/log/search?text=x", "/artifacts", "/artifacts/state.json"):
        assert shared.get(f"/training/runs/{run.name}{path}").status_code == 200
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert json.loads(before[run / "state.json"])["state"] == "completed"


def test_a_run_of_another_program_is_unknown_everywhere_and_can_be_deleted(shared: LiveServer) -> None:
    path = shared.runs_dir / f"copied-{time.monotonic_ns()}"
    write_metrics(path, METRICS, "metrics.csv")
    write_model(path)
    write_report(path)
    (path / "state.json").write_text('{"state": "failed", "reason": "theirs", "pid": 1}')
    (path / "config.yaml").write_text("lr: 0.1")
    for file in path.rglob("*"):
        os.utime(file, (10**9, 10**9))
    told = shared.run(path.name)
    assert (told["state"], told["config"], told["model"], told["pid"]) == ("unknown", None, None, None)
    assert "did not make the directory" in told["reason"]
    assert (told["created_at"], told["ended_at"]) == ("2001-09-09T01:46:40+00:00",) * 2
    for wanted, names in (("unknown", [path.name]), ("interrupted", []), ("failed", [])):
        listed = shared.get(f"/training/metrics/runs?status={wanted}").json()
        assert [each["run_id"] for each in listed if each["run_id"] == path.name] == names
    assert shared.get(f"/training/metrics/runs/{path.name}").json()["total_rows"] == 4
    assert not [card for card in shared.get("/training/models").json()["models_info"] if card["run_id"] == path.name]
    assert "only our own training program" in problem(report_of(shared, path), 404)["message"]
    refused = shared.post("/training/start", {"resume_from": path.name})
    assert "resume_from" in problem(refused, 422)["errors"]
    assert shared.get("/training/status").json()["running"] is False
    assert shared.delete(f"/training/models/{path.name}").json()["success"]
    assert not path.exists()
