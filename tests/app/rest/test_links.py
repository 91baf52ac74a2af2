"""Links and special files in the runs folder and in a run, through the API."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.app.answers import problem
from tests.app.written import METRICS, write_checkpoint, write_model, write_report, write_run
from tests.conftest import end
from tests.servers import LiveServer

SECRET = "271828"
"""Every file outside of the run contains this text. No answer may contain it."""
CONFIG = {"model": {"architecture": "ResNetForImageClassification"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    home = tmp_path_factory.mktemp("links")
    (home / "big").mkdir()
    server = LiveServer(home, TRAINING_LINK_ROOTS=str(home / "big"))
    yield server.start()
    end(server)


@pytest.fixture
def run(server: LiveServer) -> Iterator[Path]:
    """A run with every kind of file. It is deleted afterwards, since such runs slow the lists down."""
    path = write_run(server.runs_dir, f"run-{time.monotonic_ns()}", log=b"log", metrics=METRICS, progress="{}")
    write_model(path)
    write_report(path)
    write_checkpoint_files(path)
    (path / "preflight.json").write_text('{"status": "checked"}')
    (path / "stop.json").write_text('{"mode": "save"}')
    yield path
    server.delete(f"/training/models/{path.name}")


def write_checkpoint_files(run: Path) -> None:
    (run / "checkpoints").rename(run / "model")
    write_checkpoint(run, CONFIG, ("a", "b"))
    for file in (run / "model").iterdir():
        file.rename(run / "checkpoints" / file.name)
    (run / "model").rmdir()


def answers(server: LiveServer, run_id: str, *artifacts: str) -> dict[str, requests.Response]:
    """Request everything that the API shows about a run; return the answers by their path."""
    paths = [f"/training/runs/{run_id}{path}" for path in ("", "/log", "/log/search?text=7", "/report", "/artifacts")]
    paths += [f"/training/runs/{run_id}/artifacts/{name}" for name in artifacts]
    paths += [f"/training/metrics/runs/{run_id}{path}" for path in ("", "/summary")]
    paths += [f"/training/models/{run_id}/download", "/training/models", "/training/trained_models"]
    paths += ["/training/metrics/runs?best=1", "/training/status", f"/runs/{run_id}"]
    return {path: server.get(path) for path in paths}


def subscribed(server: LiveServer, run_id: str) -> str:
    with server.client() as client:
        return json.dumps(client.call("subscribe", {"run_id": run_id, "log_offset": 0}, namespace="/training"))


OURS = [["run.json"], ["state.json"]]
"""The service reads no other file of a run without these, so each case replaces only one of them."""
OTHERS = [
    "config.yaml", "stop.json", "preflight.json", "train.log", "progress.json", "report.json",
    "classification_model.json", "csv/version_0/metrics.csv", "checkpoints/epoch_003.onnx", "checkpoints/last.json",
    "checkpoints/last.ckpt", "other.txt",
]  # fmt: skip


@pytest.mark.parametrize("names", [*OURS, OTHERS], ids=["run", "state", "others"])
def test_a_link_to_a_file_outside_of_the_run_reveals_nothing(
    server: LiveServer, run: Path, names: list[str], tmp_path: Path
) -> None:
    for number, name in enumerate(names):
        secret = tmp_path / str(number)
        is_table = name.endswith(".csv")
        secret.write_text(f"epoch,{SECRET}\n1,{SECRET}\n" if is_table else f'{{"request": {{"x": "{SECRET}"}}}}\n')
        (run / name).unlink(missing_ok=True)
        (run / name).symlink_to(secret)
    received = answers(server, run.name, *names)
    assert [path for path, answer in received.items() if SECRET in answer.text] == []
    assert [path for path, answer in received.items() if answer.status_code >= 500] == []
    assert [
        path for path, answer in received.items() if path.endswith(tuple(names)) and answer.status_code != 404
    ] == []
    assert SECRET not in subscribed(server, run.name)
    assert SECRET not in server.post("/training/check", {"resume_from": run.name}).text


def test_a_run_with_a_linked_checkpoint_is_not_resumed(server: LiveServer, run: Path, tmp_path: Path) -> None:
    """A resume copies the best checkpoint into the new run, where every client may download it."""
    (tmp_path / "secret").write_text(SECRET)
    (run / "checkpoints" / "epoch_003.ckpt").symlink_to(tmp_path / "secret")
    problems = problem(server.post("/training/check", {"resume_from": run.name}), 422)["errors"]
    assert "link that leads out of the run" in problems["resume_from"][0]


@pytest.mark.parametrize("folder", ["csv", "csv/version_0", "checkpoints", "report", "output", "other"])
def test_a_link_to_a_folder_outside_of_the_run_reveals_nothing(
    server: LiveServer, run: Path, folder: str, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    (outside / "version_0").mkdir(parents=True)
    for name in ("metrics.csv", "version_0/metrics.csv", "epoch_003.onnx", "progress.json", "last.json"):
        (outside / name).write_text(f"epoch,{SECRET}\n1,{SECRET}\n")
    if (run / folder).exists():
        (run / folder).rename(run / folder.replace("/", "-")) if "/" in folder else (run / folder).rename(run / "away")
    (run / folder).symlink_to(outside)
    received = answers(server, run.name, f"{folder}/metrics.csv")
    assert [path for path, answer in received.items() if SECRET in answer.text] == []
    assert SECRET not in subscribed(server, run.name)
    listed = received[f"/training/runs/{run.name}/artifacts"].json()["artifacts"]
    assert [file["path"] for file in listed if file["path"].startswith(f"{folder}/")] == []
    assert server.delete(f"/training/models/{run.name}").status_code == 200
    assert (outside / "metrics.csv").is_file()


def listen(path: Path) -> None:
    """Create a socket at the path. It is bound elsewhere first, since the address of a socket must be short."""
    with socket.socket(socket.AF_UNIX) as listener:
        short = Path(f"/tmp/{time.monotonic_ns()}")
        listener.bind(str(short))
        short.rename(path)


def make_endless(path: Path) -> None:
    path.write_text('{"request": {}}')
    os.truncate(path, 2**40)


SPECIAL_FILES: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "socket": listen,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "circle": lambda path: path.symlink_to(path.name),
    "terabyte": make_endless,
}


@pytest.mark.parametrize("names", [*OURS, OTHERS], ids=["run", "state", "others"])
@pytest.mark.parametrize("kind", SPECIAL_FILES)
def test_a_special_file_blocks_no_request(server: LiveServer, run: Path, names: list[str], kind: str) -> None:
    for name in names:
        (run / name).unlink(missing_ok=True)
        SPECIAL_FILES[kind](run / name)
    received = answers(server, run.name, *(names if kind != "terabyte" else ()))
    assert [path for path, answer in received.items() if answer.status_code >= 500] == []
    assert [
        path for path, answer in received.items() if path.endswith(tuple(names)) and answer.status_code != 404
    ] == []
    assert subscribed(server, run.name)
    assert server.post("/training/check", {"resume_from": run.name}).status_code == 422


def test_a_link_to_a_run_on_another_disk_is_a_run(server: LiveServer, run: Path, tmp_path: Path) -> None:
    run.rename(tmp_path / "moved")
    run.symlink_to(tmp_path / "moved")
    assert run.name in [each["run_id"] for each in server.get("/training/metrics/runs").json()]
    assert str(run / "checkpoints" / "epoch_003.onnx") in server.get("/training/trained_models").json()["model_paths"]
    received = answers(server, run.name, "train.log", "csv/version_0/metrics.csv")
    assert {path: answer.status_code for path, answer in received.items() if answer.status_code != 200} == {}
    assert received[f"/training/models/{run.name}/download"].content == b"onnx"
    assert server.delete(f"/training/models/{run.name}").json() == {"success": True, "error": None}
    assert not run.is_symlink()
    assert (tmp_path / "moved" / "state.json").is_file(), "only the link was removed"


def test_checkpoints_below_a_link_root_are_served(server: LiveServer, run: Path) -> None:
    moved = server.home / "big" / run.name
    (run / "checkpoints").rename(moved)
    (run / "checkpoints").symlink_to(moved)
    assert server.get(f"/training/models/{run.name}/download").content == b"onnx"
    assert server.get(f"/training/runs/{run.name}/artifacts/checkpoints/epoch_003.onnx").content == b"onnx"
    listed = server.get(f"/training/runs/{run.name}/artifacts").json()["artifacts"]
    assert "checkpoints/last.ckpt" in [file["path"] for file in listed]
    entry = next(each for each in server.get("/training/metrics/runs").json() if each["run_id"] == run.name)
    assert entry["can_resume"]
    problems = problem(server.post("/training/check", {"resume_from": run.name}), 422)["errors"]
    assert "resume_from" not in problems, "only the image folders are missing"
    assert server.delete(f"/training/models/{run.name}").status_code == 200
    assert (moved / "last.ckpt").is_file()


def test_a_link_that_the_service_may_not_follow_hides_nothing_else(server: LiveServer, run: Path) -> None:
    """Even root may lack the right to follow another process's links in /proc."""
    (run / "closed").symlink_to("/proc/1/cwd")
    entry = server.runs_dir / "closed"
    entry.symlink_to("/proc/1/cwd")
    try:
        assert run.name in {each["run_id"] for each in server.get("/training/metrics/runs").json()}
        names = {each["path"] for each in server.get(f"/training/runs/{run.name}/artifacts").json()["artifacts"]}
        assert "train.log" in names
        assert not any(name.startswith("closed") for name in names)
        assert server.get("/training/runs/closed").status_code == 404
    finally:
        entry.unlink()
