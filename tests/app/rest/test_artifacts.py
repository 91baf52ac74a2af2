"""GET /training/runs/{run_id}/artifacts, and paths that lead out of a run directory."""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from app.factory import create_app
from app.settings import Settings
from tests.app.answers import ask, check_shape, problem
from tests.app.written import METRICS, write_model, write_run
from tests.servers import LiveServer

TEXT = "línea 1\n漢字 🙂\rende\n"


OUTSIDE = [
    "../secret", "%2e%2e/secret", "..%2fsecret", "%2e%2e%2fsecret", "%2E%2E%2Fsecret", "csv/../../secret", "..",
    "csv/%2e%2e/%2e%2e/secret", "/etc/passwd", "%2fetc%2fpasswd", "//etc/passwd", "link", "folder/secret", "%00",
    "train.log%00", "train.log%00.txt", "..%5csecret", "%c0%ae%c0%ae/secret", "..%252fsecret", ".", "csv", "", "/",
    "a" * 300, "%ff", "circle", "fifo", "%ed%a0%80",
]  # fmt: skip

RUN_IDS = [
    "..", "%2e%2e", "%2e", ".", "..%2fruns", "%2fetc", "link", ".hidden", "%00", "a%00b", "a%0ab", "%ff", "a" * 256,
    "%e6%bc%a2" * 100, "..%5c", "unknown", "%F0%9F%99%82", "file", "%ed%a0%80", "%20", "*", "[!x]*",
]  # fmt: skip


@pytest.fixture(scope="module")
def module_server(shared_server: LiveServer) -> LiveServer:
    """Run the tests on both servers, because each sends files in its own way."""
    return shared_server


@pytest.fixture
def run(shared: LiveServer) -> Path:
    return write_run(shared.runs_dir, f"run-{time.monotonic_ns()}", log=TEXT.encode(), metrics=METRICS)


def test_artifacts_are_listed_with_their_sizes(shared: LiveServer, run: Path, tmp_path: Path) -> None:
    write_model(run, b"12345")
    (run / "secret").symlink_to("/etc/passwd")
    (run / "folder").symlink_to(tmp_path)
    (run / ".temporary").write_text("")
    os.mkfifo(run / "fifo")
    (run / os.fsdecode(b"\xff.txt")).touch()
    (run / "line\nend.txt").touch()
    (run / os.fsdecode(b"\xff")).mkdir()
    (run / os.fsdecode(b"\xff") / "file").touch()
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


def test_any_artifact_is_served_as_a_download(shared: LiveServer, run: Path) -> None:
    (run / "page.html").write_text("<script>alert(1)</script>")
    answer = shared.get(f"/training/runs/{run.name}/artifacts/page.html")
    assert answer.content == b"<script>alert(1)</script>"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == "attachment; filename=page.html"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    answer = shared.get(f"/training/runs/{run.name}/artifacts/csv/version_0/metrics.csv")
    assert answer.text == METRICS


@pytest.mark.parametrize("name", ["a b.txt", "größe.txt", 'quo"te.txt', "%2e.txt", "back\\slash.txt"])
def test_artifacts_with_unusual_names_can_be_downloaded(shared: LiveServer, run: Path, name: str) -> None:
    (run / name).write_bytes(b"content")
    quoted = "".join(f"%{byte:02x}" for byte in name.encode())
    assert ask(shared, "GET", f"/training/runs/{run.name}/artifacts/{quoted}") == (200, b"content")


def test_a_range_of_an_artifact_can_be_downloaded(shared: LiveServer, run: Path) -> None:
    path = f"/training/runs/{run.name}/artifacts/train.log"
    whole = shared.get(path)
    part = shared.get(path, headers={"Range": "bytes=0-4"})
    assert (part.status_code, part.content) == (206, TEXT.encode()[:5])
    assert shared.get(path, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    for wanted in ("bytes=999999-", "bytes=0-1,3-4"):
        message = problem(shared.get(path, headers={"Range": wanted}), 416)["message"]
        assert f"has {len(whole.content)} bytes" in message
    problem(shared.get(path, headers={"If-Match": '"another"'}), 412)


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


@pytest.mark.parametrize("run_id", RUN_IDS)
def test_no_run_id_leads_out_of_the_runs_folder(shared: LiveServer, tmp_path: Path, run_id: str) -> None:
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
        is_route = not body["message"].startswith("There is nothing at")
        check_shape(body, 404, is_of_metrics=is_route and path.startswith("metrics/"))
    status, body = ask(shared, "DELETE", f"/training/models/{run_id}")
    assert status == 404
    if "success" in body:  # Otherwise no route matches the path.
        assert (body["success"], body["error"]) == (False, body["message"])
        del body["success"], body["error"]
    check_shape(body, 404)
    assert (tmp_path / "outside" / "state.json").is_file()
    assert shared.runs_dir.is_dir()


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="needs a file system that can hold every time")
@pytest.mark.parametrize("written_at", [10**15, -(10**15)])
def test_files_with_times_beyond_any_calendar_are_shown_and_sent(written_at: int) -> None:
    with TemporaryDirectory(dir="/dev/shm") as home:
        runs_dir = Path(home) / "runs"
        ours, foreign = write_run(runs_dir, "ours", log=b"line", metrics=METRICS), runs_dir / "foreign"
        foreign.mkdir()
        (foreign / "file").touch()
        for path in (*ours.rglob("*"), *foreign.rglob("*"), foreign):
            os.utime(path, (written_at, written_at))
        client = create_app(Settings(runs_dir=runs_dir), "threading").test_client()
        listed = client.get("/training/metrics/runs").json or []
        assert {run["run_id"]: run["status"] for run in listed} == {"ours": "completed", "foreign": "unknown"}
        assert client.get("/training/runs/foreign").status_code == 200
        with client.get("/training/runs/ours/artifacts/train.log") as answer:
            assert answer.data == b"line"
        assert client.get("/training/metrics/runs/ours").status_code == 200
