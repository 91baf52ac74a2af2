"""The models of commands and of finished runs of other programs, over REST."""

from __future__ import annotations

import os
import time
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
import requests

from tests.app.answers import problem
from tests.app.onnxfile import content_of, external
from tests.app.written import METRICS, write_command_run, write_files, write_json, write_metrics
from tests.servers import LiveServer
from tests.waiting import wait_until


@pytest.fixture
def output(shared: LiveServer) -> Path:
    run_id, request = f"run-{time.monotonic_ns()}", {"model_name": "pets"}
    return write_command_run(shared.runs_dir, run_id, ["best.*", "*.pt"], request=request) / "output"


def address_of(output: Path) -> str:
    return f"/training/models/{output.parent.name}/download"


def test_each_file_of_a_command_is_a_model(shared: LiveServer, output: Path) -> None:
    write_files(output, "best.onnx", content=content_of())
    write_files(output, "last.pt", content=b"weights")
    run_id = output.parent.name
    cards = [card for card in shared.get("/training/models").json()["models_info"] if card["run_id"] == run_id]
    assert [card["file"] for card in cards] == ["output/best.onnx", "output/last.pt"]
    described = shared.run(run_id)
    assert (described["models"], described["model"]) == (cards, cards[0])
    paths = shared.get("/training/trained_models").json()["model_paths"]
    assert [path for path in paths if run_id in path] == [str(output / "best.onnx")]
    default = shared.get(address_of(output))
    assert default.content == content_of()
    assert default.headers["Content-Disposition"] == "attachment; filename=pets.onnx"
    chosen = shared.get(address_of(output), params={"file": "output/last.pt"})
    assert chosen.content == b"weights"
    assert chosen.headers["Content-Disposition"] == "attachment; filename=last.pt"
    refused = problem(shared.get(address_of(output), params={"file": "last.pt"}), 404)
    assert refused["message"].endswith("Available: output/best.onnx, output/last.pt.")


FILES = [
    "../state.json", "output/../run.json", "%00", "/etc/passwd", "output/best.pt/", "output", ".", "%ff", "%ed%a0%80",
    "output%5cbest.pt", "run.json", "%F0%9F%99%82",
]  # fmt: skip


def test_a_download_serves_no_other_file(shared: LiveServer, output: Path) -> None:
    write_files(output, "best.pt")
    os.mkfifo(output / "best.fifo")
    (output / "best.link").symlink_to("/etc/passwd")
    for file in (*FILES, "output/best.fifo", "output/best.link"):
        refused = problem(shared.get(f"{address_of(output)}?file={file}"), 404)
        assert refused["message"].endswith("Available: output/best.pt."), file
    for query in ("file=", f"file={'x' * 5000}", "files=best.pt", "variant="):
        problem(shared.get(f"{address_of(output)}?{query}"), 422)


def test_a_model_with_external_data_is_downloaded_as_an_archive(shared: LiveServer, output: Path) -> None:
    weights, onnx = os.urandom(400_000), content_of(external("best.onnx.data", 400_000))
    write_files(output, "best.onnx", content=onnx)
    write_files(output, "best.onnx.data", content=weights)
    answer = shared.get(address_of(output))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip")
    assert answer.headers["Content-Disposition"] == "attachment; filename=pets.zip"
    with ZipFile(BytesIO(answer.content)) as packed:
        assert {name: packed.read(name) for name in packed.namelist()} == {
            "best.onnx": onnx, "best.onnx.data": weights,
        }  # fmt: skip
    (output / "best.onnx.data").unlink()
    assert "'best.onnx.data' is missing" in problem(shared.get(address_of(output)), 422)["message"]


@pytest.mark.parametrize("with_data", [False, True])
def test_a_download_breaks_if_the_model_changes_meanwhile(shared: LiveServer, output: Path, with_data: bool) -> None:
    """The file is larger than all buffers on the way, so the server still sends when it changes."""
    name = "best.onnx.data" if with_data else "best.pt"
    with open(output / name, "wb") as file:
        file.truncate(100_000_000)
    if with_data:
        write_files(output, "best.onnx", content=content_of(external(name)))
    with shared.get(address_of(output), stream=True) as answer:
        assert answer.status_code == 200
        chunks = answer.iter_content(1000)
        next(chunks)
        (output / name).write_bytes(b"changed")
        with pytest.raises(requests.RequestException):
            list(chunks)


def test_a_model_is_listed_but_not_sent_while_its_program_writes_it(shared: LiveServer) -> None:
    more = "stop: {grace_s: 5}\nmodels: {files: ['*.pt']}"
    run_id = shared.start_run(shared.write_command("writing", "keep_writing.py", "{output_dir}/m.pt", more=more))
    wait_until(lambda: shared.run(run_id)["models"], 20)
    assert [card["file"] for card in shared.run(run_id)["models"]] == ["output/m.pt"]
    refused = shared.get(f"/training/models/{run_id}/download")
    assert "m.pt is being written" in problem(refused, 409)["message"]
    assert refused.headers["Retry-After"] == "5"
    shared.post("/training/stop")
    answer = shared.get(f"/training/models/{run_id}/download")
    assert answer.content == (shared.runs_dir / run_id / "output" / "m.pt").read_bytes()


def test_a_finished_run_of_another_program_has_what_it_brings(shared: LiveServer) -> None:
    run = shared.runs_dir / f"2020-02-03_04-05-06_{time.monotonic_ns() % 10**6}"
    write_files(run, "checkpoints/pets.onnx", content=content_of())
    write_json(run / "checkpoints" / "pets.json", {"model_name": "pets", "test_metrics": {"test/acc": 0.5}})
    write_metrics(run, METRICS)
    write_files(run, "train_reference.log", content=b"epoch 1\nbest\n")
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    described = shared.run(run.name)
    assert (described["state"], described["created_at"][:10]) == ("unknown", "2020-02-03")
    assert [card["test_metrics"] for card in described["models"]] == [{"test/acc": 0.5}]
    assert shared.get(f"/training/metrics/runs/{run.name}").json()["total_rows"] == 4
    assert shared.get(f"/training/runs/{run.name}/log").json()["text"] == "epoch 1\nbest\n"
    assert shared.get(f"/training/runs/{run.name}/log/search?text=best").json()["lines"] == [8]
    assert shared.get(f"/training/models/{run.name}/download").content == content_of()
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
    assert shared.delete(f"/training/models/{run.name}").json()["success"]
    assert not run.exists()
