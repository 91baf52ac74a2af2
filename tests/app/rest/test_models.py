"""Trained models: their list, their cards, downloads and deletion."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.answers import ask, problem, tree
from tests.app.written import write_model, write_run
from tests.servers import LiveServer


@pytest.fixture
def run(shared: LiveServer) -> Path:
    return write_run(shared.runs_dir, f"run-{time.monotonic_ns()}")


def test_models_are_listed_newest_first(empty: LiveServer) -> None:
    assert empty.get("/training/trained_models").json() == {"model_paths": []}
    assert empty.get("/training/models").json() == {"models_info": []}
    paths = [
        str(write_model(write_run(empty.runs_dir, f"2026-01-0{day}_00-00-00", state), own_note=day))
        for day, state in ((1, "completed"), (3, "failed"), (2, "stopped"))
    ]
    write_run(empty.runs_dir, "2026-01-04_00-00-00")
    newest_first = [paths[1], paths[2], paths[0]]
    assert empty.get("/training/trained_models").json() == {"model_paths": newest_first}
    cards = empty.get("/training/models").json()["models_info"]
    assert [card["model_path"] for card in cards] == newest_first
    assert cards[0] == {
        "run_id": "2026-01-03_00-00-00",
        "model_name": "digits",
        "model_path": paths[1],
        "dataset_name": "digits",
        "config_name": "digits.yaml",
        "class_names": ["0", "1"],
        "train_metrics": {"train/loss": 0.25},
        "test_metrics": {"test/loss": 0.5, "test/acc": 0.75},
        "opset": 18,
        "own_note": 3,
        "file": "checkpoints/epoch_003.onnx",
        "size_bytes": 4,
        "modified_at": cards[0]["modified_at"],
        "is_tested": True,
        "is_verified": True,
        "external_data": None,
        "problem": None,
    }


@pytest.mark.parametrize("untested", [{}, None, {"test/acc": None}, [1]])
def test_an_untested_model_is_marked_as_untested(empty: LiveServer, untested: Any) -> None:
    write_model(write_run(empty.runs_dir, "2026-01-01_00-00-00", "stopped"), test_metrics=untested)
    [card] = empty.get("/training/models").json()["models_info"]
    assert card["is_tested"] is False


def test_models_are_listed_page_by_page(empty: LiveServer) -> None:
    for day in range(1, 7):
        run = write_run(empty.runs_dir, f"2026-01-0{day}_00-00-00")
        if day != 4:
            write_model(run)

    def days(query: str) -> list[int]:
        cards = empty.get(f"/training/models?{query}").json()["models_info"]
        paths = empty.get(f"/training/trained_models?{query}").json()["model_paths"]
        assert [card["model_path"] for card in cards] == paths
        return [int(card["run_id"][9]) for card in cards]

    assert days("") == [6, 5, 3, 2, 1]
    assert days("limit=3") == [6, 5, 3]
    assert days("limit=3&offset=3") == [2, 1]
    assert days("offset=4") == [1]
    assert days("offset=5&limit=1") == []
    for query in ("limit=0", "offset=-1", "page=2"):
        problem(empty.get(f"/training/models?{query}"), 422)


def test_a_change_by_hand_shows_at_once_in_the_models(empty: LiveServer) -> None:
    runs = [write_run(empty.runs_dir, f"2026-01-0{day}_00-00-00") for day in (1, 2, 3)]
    models = [write_model(run) for run in runs]

    def days() -> list[int]:
        return [int(card["run_id"][9]) for card in empty.get("/training/models?limit=2").json()["models_info"]]

    assert days() == [3, 2]
    models[1].unlink()
    assert days() == [3, 1]
    shutil.rmtree(runs[2])
    assert days() == [1]
    write_model(runs[1], test_metrics={"test/acc": 1.0})
    cards = empty.get("/training/models?limit=1").json()["models_info"]
    assert cards[0]["test_metrics"] == {"test/acc": 1.0}


def test_numbers_that_are_not_finite_are_null_in_a_card(shared: LiveServer, run: Path) -> None:
    write_model(run, test_metrics={"test/loss": float("nan"), "test/acc": float("inf")})
    answer = shared.get("/training/models")
    assert "NaN" not in answer.text
    card = next(card for card in answer.json()["models_info"] if card["run_id"] == run.name)
    assert card["test_metrics"] == {"test/loss": None, "test/acc": None}


def test_a_model_is_found_after_the_runs_were_moved(shared: LiveServer, run: Path) -> None:
    model = write_model(run, model_path="/elsewhere/runs/old/checkpoints/epoch_003.onnx", run_id="old")
    cards = shared.get("/training/models").json()["models_info"]
    card = next(card for card in cards if card["run_id"] == run.name)
    assert card["model_path"] == str(model)


def test_a_download_has_the_name_of_the_model(shared: LiveServer, run: Path) -> None:
    content = os.urandom(300_000)
    write_model(run, content, model_name="my digits-1.0")
    answer = shared.get(f"/training/models/{run.name}/download")
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(content).digest()
    assert answer.headers["Content-Disposition"] == 'attachment; filename="my digits-1.0.onnx"'
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Length"] == "300000"


def write_variant(run: Path, name: str, content: bytes = b"small") -> dict[str, str]:
    """Write the file of a variant; return its entry in the card, whose path is outdated."""
    (run / "checkpoints").mkdir(exist_ok=True)
    (run / "checkpoints" / f"epoch_003.{name}.onnx").write_bytes(content)
    return {"name": name, "model_path": f"/elsewhere/old/checkpoints/epoch_003.{name}.onnx"}


def test_a_variant_is_downloaded_by_its_name_and_listed_in_the_card(shared: LiveServer, run: Path) -> None:
    entries = [write_variant(run, "int8", b"eight bits"), {"name": "fp16", "error": "no"}]
    model = write_model(run, variants=entries)
    answer = shared.get(f"/training/models/{run.name}/download?variant=int8")
    assert answer.content == b"eight bits"
    assert answer.headers["Content-Disposition"] == "attachment; filename=digits.int8.onnx"
    assert shared.get(f"/training/models/{run.name}/download").content == b"onnx"
    assert str(model) in shared.get("/training/trained_models").json()["model_paths"]
    assert "int8.onnx" not in shared.get("/training/trained_models").text
    cards = shared.get("/training/models").json()["models_info"]
    card = next(card for card in cards if card["run_id"] == run.name)
    assert card["model_path"] == str(model)
    assert card["variants"] == [{"name": "int8", "model_path": str(model.with_suffix(".int8.onnx"))}, entries[1]]


def test_an_unknown_variant_is_a_404_that_lists_the_available_ones(shared: LiveServer, run: Path) -> None:
    address = f"/training/models/{run.name}/download?variant="
    write_model(run, variants=[write_variant(run, "int8"), {"name": "fp16", "error": "no"}])
    for name in ("fp16", "int4", "../int8", "float"):
        assert problem(shared.get(address + name), 404)["message"].endswith("Available: int8.")
    write_model(run)
    assert problem(shared.get(f"{address}int8"), 404)["message"].endswith("Available: none.")
    problem(shared.get(address), 422)


@pytest.mark.parametrize("variants", [None, 7, "int8", {"int8": 1}, [7, None, {}, {"name": 7}, {"name": ["a"]}]])
def test_invalid_variants_in_a_card_do_no_harm(shared: LiveServer, run: Path, variants: object) -> None:
    write_model(run, variants=variants)
    (run / "checkpoints" / "last.ckpt").write_bytes(b"pickled")
    assert shared.get(f"/training/models/{run.name}/download").content == b"onnx"
    cards = shared.get("/training/models").json()["models_info"]
    assert next(card for card in cards if card["run_id"] == run.name)["variants"] is None


@pytest.mark.parametrize("path", ["/etc/passwd", "../state.json", "", "last.ckpt", 7, None])
def test_a_variant_cannot_serve_another_file(shared: LiveServer, run: Path, path: object) -> None:
    write_model(run, variants=[{"name": "int8", "model_path": path}])
    (run / "checkpoints" / "last.ckpt").write_bytes(b"pickled")
    problem(shared.get(f"/training/models/{run.name}/download?variant=int8"), 404)


def test_a_name_that_is_not_ascii_survives_the_download(shared: LiveServer, run: Path) -> None:
    write_model(run, model_name="Größe")
    disposition = shared.get(f"/training/models/{run.name}/download").headers["Content-Disposition"]
    assert "filename*=UTF-8''Gr%C3%B6%C3%9Fe.onnx" in disposition


@pytest.mark.parametrize("name", ["../../x", "a\r\nX-Evil: 1", "", ".hidden", "\ud800", 7, None, "x" * 300, "a/b"])
def test_an_invalid_model_name_never_reaches_the_header(shared: LiveServer, run: Path, name: object) -> None:
    write_model(run, model_name=name)
    answer = shared.get(f"/training/models/{run.name}/download")
    assert answer.headers["Content-Disposition"] == "attachment; filename=model.onnx"
    assert "X-Evil" not in answer.headers


PATHS = ["/etc/passwd", "../state.json", "", "x" * 300 + ".onnx", "a\0.onnx", "\ud800.onnx", "none.onnx", "link.onnx"]


@pytest.mark.parametrize("path", [*PATHS, 7, "folder.onnx", "last.ckpt"])
def test_a_card_cannot_serve_another_file(shared: LiveServer, run: Path, path: object) -> None:
    write_model(run, model_path=path)
    (run / "checkpoints" / "last.ckpt").write_bytes(b"pickled")
    (run / "checkpoints" / "link.onnx").symlink_to("/etc/passwd")
    (run / "checkpoints" / "folder.onnx").mkdir()
    body = problem(shared.get(f"/training/models/{run.name}/download"), 404)
    assert run.name in body["message"]
    assert run.name not in shared.get("/training/trained_models").text


def test_checkpoints_elsewhere_are_not_served(shared: LiveServer, run: Path, tmp_path: Path) -> None:
    write_model(run)
    (run / "checkpoints").rename(tmp_path / "checkpoints")
    (run / "checkpoints").symlink_to(tmp_path / "checkpoints")
    problem(shared.get(f"/training/models/{run.name}/download"), 404)


def test_the_download_of_a_run_without_a_model_is_a_404(shared: LiveServer, run: Path) -> None:
    assert "no model" in problem(shared.get(f"/training/models/{run.name}/download"), 404)["message"]
    problem(shared.get("/training/models/unknown/download"), 404)


def test_a_deletion_removes_the_whole_run_and_no_other(shared: LiveServer, run: Path) -> None:
    write_model(run)
    other = write_run(shared.runs_dir, run.name + "-other")
    answer = shared.delete(f"/training/models/{run.name}")
    assert (answer.status_code, answer.json()) == (200, {"success": True, "error": None})
    assert not run.exists()
    assert (other / "state.json").is_file()
    problem(shared.get(f"/training/runs/{run.name}"), 404)


def deletion_problem(server: LiveServer, run_id: str, code: int) -> str:
    answer = server.delete(f"/training/models/{run_id}")
    body = problem(answer, code, success=False, error=answer.json()["message"])
    return str(body["message"])


def test_an_unknown_run_cannot_be_deleted(shared: LiveServer) -> None:
    before = tree(shared.home)
    assert "unknown" in deletion_problem(shared, "unknown", 404)
    assert tree(shared.home) == before


def test_a_path_cannot_delete_a_run_elsewhere(shared: LiveServer, tmp_path: Path) -> None:
    outside = write_run(tmp_path, "outside")
    assert ask(shared, "DELETE", "/training/models/..%2f..%2foutside")[0] == 404
    assert (outside / "state.json").is_file()


def test_links_in_a_run_are_removed_and_not_followed(shared: LiveServer, run: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("outside")
    (run / "folder").symlink_to(tmp_path)
    assert shared.delete(f"/training/models/{run.name}").status_code == 200
    assert (tmp_path / "outside").read_text() == "outside"


def test_the_active_run_cannot_be_deleted(shared: LiveServer, tmp_path: Path) -> None:
    run_id = shared.start_run(shared.write_command("waiting", "wait_for_file.py", str(tmp_path / "end")))
    assert run_id in deletion_problem(shared, run_id, 409)
    assert shared.run(run_id)["state"] == "running"
    shared.post("/training/stop", {"mode": "discard"})
    assert shared.delete(f"/training/models/{run_id}").status_code == 200


@pytest.fixture
def locked_run(run: Path) -> Iterator[Path]:
    """A run that not even root can delete from the file system."""
    if os.geteuid() != 0:
        run.chmod(0o500)
        yield run
        run.chmod(0o700)
        return
    attempt = subprocess.run(["chattr", "+i", str(run / "state.json")], capture_output=True)
    if attempt.returncode == 0:
        yield run
        subprocess.run(["chattr", "-i", str(run / "state.json")], check=True)
        return
    mounts = [["mount", "--bind", str(run), str(run)], ["mount", "-o", "remount,bind,ro", str(run)]]
    attempts = [subprocess.run(mount, capture_output=True).returncode for mount in mounts]
    try:
        if any(attempts):
            pytest.skip("needs chattr +i or bind mounts when run as root")
        yield run
    finally:
        if attempts[0] == 0:
            subprocess.run(["umount", str(run)], check=True)


def test_a_deletion_that_the_file_system_refuses_is_a_403(shared: LiveServer, locked_run: Path) -> None:
    assert locked_run.name in deletion_problem(shared, locked_run.name, 403)
    assert (locked_run / "state.json").is_file()
    assert shared.run(locked_run.name)["state"] == "completed"
