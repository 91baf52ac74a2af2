"""Starting and stopping runs in-process, with real runners and programs. A refused start leaves nothing behind."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app.runs import exceptions
from app.runs.start import disk
from app.runs.start.request import StartRequest
from tests.app.runs.start.domain import WAIT_FOR_STOP, Service
from tests.waiting import wait_until


@pytest.fixture
def runs(tmp_path: Path) -> Service:
    return Service(tmp_path)


def test_a_run_is_running_when_start_returns_and_stopped_when_stop_does(runs: Service) -> None:
    run = runs.start(runs.python(WAIT_FOR_STOP))
    assert run.state == "running"
    wait_until(lambda: "up" in run.directory.log.read_text(), 10)
    assert runs.stop(None, "save").status == "stopped"
    ended = runs.store.find(run.run_id)
    assert (ended.state, ended.reason, ended.record["exit_code"]) == ("stopped", None, 0)
    stop = json.loads(run.directory.stop.read_text())
    assert (stop["mode"], stop["requested_by"]) == ("save", "test")


def test_a_second_start_is_refused_with_the_id_and_pid_of_the_first(runs: Service) -> None:
    run = runs.start(runs.python(WAIT_FOR_STOP))
    with pytest.raises(exceptions.RunActive) as raised:
        runs.start(runs.python("pass"))
    assert (raised.value.run_ids, raised.value.pid) == ((run.run_id,), run.pid)
    runs.stop(run.run_id, "discard")
    assert len(runs.store.ids()) == 1


def test_as_many_runs_start_as_there_are_slots(tmp_path: Path) -> None:
    runs = Service(tmp_path, max_active=2)
    first, second = (runs.start(runs.python(WAIT_FOR_STOP)) for _ in range(2))
    assert [run.run_id for run in runs.store.active()] == [second.run_id, first.run_id], "the last started comes first"
    with pytest.raises(exceptions.RunActive, match="2 of 2 runs are active") as raised:
        runs.start(runs.python("pass"))
    assert (raised.value.run_ids, raised.value.pid) == ((second.run_id, first.run_id), second.pid)
    with pytest.raises(exceptions.SeveralActive, match=first.run_id):
        runs.stop(None, "save")
    with pytest.raises(exceptions.OtherRunActive, match=f"{second.run_id}, {first.run_id}"):
        runs.stop("2000-01-01_00-00-00", "save")
    assert runs.stop(first.run_id, "save").status == "stopped"
    assert [run.run_id for run in runs.store.active()] == [second.run_id]
    third = runs.start(runs.python(WAIT_FOR_STOP))
    for run in (second, third):
        assert runs.stop(run.run_id, "save").status == "stopped"
        assert runs.store.find(run.run_id).state == "stopped"


def test_runs_without_their_slots_still_count(tmp_path: Path) -> None:
    """Somebody may delete the files of the slots while runs hold them."""
    runs = Service(tmp_path, max_active=2, gpus=("GPU-a", "GPU-b"))
    first, second = (runs.start(runs.python(WAIT_FOR_STOP)) for _ in range(2))
    shutil.rmtree(tmp_path / "logs" / "slots")
    for service in (runs, Service(tmp_path, max_active=2, gpus=("GPU-a", "GPU-b"))):
        assert {run.run_id for run in service.store.active()} == {first.run_id, second.run_id}
        with pytest.raises(exceptions.RunActive):
            service.start(runs.python("pass"))
    runs.stop(first.run_id)
    third = runs.start(runs.python(SHOW_GPUS))
    wait_until(lambda: runs.store.find(third.run_id).is_over, 10)
    assert third.directory.log.read_text() == "GPU-a\n", "the other GPU still belongs to the second run"
    assert runs.stop(second.run_id).status == "stopped"
    assert runs.store.find(second.run_id).state == "stopped"


SHOW_GPUS = "import os; print(os.environ.get('CUDA_VISIBLE_DEVICES', 'all'))"


def test_each_run_sees_its_own_gpus(tmp_path: Path) -> None:
    runs = Service(tmp_path, max_active=3, gpus=("GPU-a", "GPU-b", "GPU-c", "GPU-d"))
    first = runs.start(replace(runs.python(SHOW_GPUS + "\n" + WAIT_FOR_STOP), gpus=2))
    second = runs.start(runs.python(SHOW_GPUS + "\n" + WAIT_FOR_STOP))
    with pytest.raises(exceptions.RunActive, match="1 of 4 GPUs are free, 2 are needed"):
        runs.start(replace(runs.python("pass"), gpus=2))
    third = runs.start(replace(runs.python(SHOW_GPUS), gpus=0))
    shown = {first.run_id: "GPU-a,GPU-b", second.run_id: "GPU-c", third.run_id: ""}
    for run in (first, second, third):
        wait_until(lambda run=run: "\n" in run.directory.log.read_text(), 10)  # type: ignore[misc]
        assert run.directory.log.read_text().splitlines()[0] == shown[run.run_id]
        content = json.loads(run.directory.executor.read_text())
        assert (content["executor"], ",".join(content["gpus"])) == ("local", shown[run.run_id])
    for run in (first, second):
        runs.stop(run.run_id, "discard")
    with pytest.raises(exceptions.InvalidStart, match="at most 4"):
        runs.start(replace(runs.python("pass"), gpus=5))


def test_a_run_sees_all_gpus_if_nobody_divides_them(runs: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    run = runs.start(runs.python(SHOW_GPUS))
    wait_until(lambda: runs.store.find(run.run_id).is_over, 10)
    assert run.directory.log.read_text() == "0,1\n"


def test_stopping_another_run_stops_nothing(runs: Service) -> None:
    run = runs.start(runs.python(WAIT_FOR_STOP))
    with pytest.raises(exceptions.OtherRunActive):
        runs.stop("2000-01-01_00-00-00", "save")
    assert runs.store.find(run.run_id).state == "running"
    runs.stop(None, "discard")


def test_a_stop_without_an_active_run_is_not_running(runs: Service) -> None:
    assert runs.stop(None, "save").status == "not_running"


def test_only_the_folders_that_a_command_uses_are_reported(runs: Service) -> None:
    for split in ("train", "val", "test"):
        runs.images(f"pets/{split}")
    other = runs.images("other/val")

    def reported(argv: list[str], **fields: str) -> tuple[str | None, list[str]]:
        run = runs.start(replace(runs.command("true", *argv), **fields))
        wait_until(lambda: not runs.store.find(run.run_id).is_active, 10)
        folders = [run.request[f"{split}_data_dir"] for split in ("train", "val", "test")]
        return run.dataset, [str(Path(folder).relative_to(runs.data)) for folder in folders if folder]

    assert reported([], dataset="pets") == (None, [])
    assert reported(["{val_data_dir}"], dataset="pets") == ("pets", ["pets/val"])
    assert reported(["{val_data_dir}"], dataset="pets", val_data_dir=other) == ("other", ["other/val"])
    assert reported(["{val_data_dir}"], train_data_dir=runs.images("unused"), val_data_dir=other) == (
        "other",
        ["other/val"],
    )


def test_a_missing_program_or_folder_is_an_invalid_start(runs: Service) -> None:
    for more, key in (({"argv": ["/no/such"]}, "command.argv"), ({"argv": ["true"], "cwd": "/no/such"}, "command.cwd")):
        (runs.configs / "absent.yaml").write_text(json.dumps({"command": more}))
        for operation in (runs.check, runs.start):
            with pytest.raises(exceptions.InvalidStart) as raised:
                operation(StartRequest(config_name="absent.yaml"))
            assert list(raised.value.errors) == [key]
    assert runs.store.ids() == []


def test_a_program_that_cannot_be_executed_is_a_failed_run_with_the_reason(runs: Service, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF\0 of another machine")
    program.chmod(0o755)
    with pytest.raises(exceptions.LaunchFailed, match="Exec format error") as raised:
        runs.start(runs.command(str(program)))
    run = runs.store.find(raised.value.run_id)
    assert run.state == "failed"
    assert str(program) in (run.reason or "")
    assert runs.store.active() == []


def test_placeholders_and_environment_reach_the_program_but_our_settings_do_not(
    runs: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINING_API_TOKEN", "secret")
    code = "import os, sys, json; print(json.dumps([sys.argv[1:], dict(os.environ) | dict(PWD=os.getcwd())]))"
    argv = ["{output_dir}", "{run_dir}", "{config_name}", "{model_name}", "{{x}}"]
    text = {
        "command": {"argv": [sys.executable, "-c", code, *argv], "env": {"MINE": "{model_name}"}, "cwd": "{output_dir}"}
    }
    (runs.configs / "show.yaml").write_text(json.dumps(text))
    run = runs.start(StartRequest(config_name="show", model_name="my net"))
    wait_until(lambda: not runs.store.find(run.run_id).is_active, 10)
    arguments, environment = json.loads(run.directory.log.read_text())
    output = str(run.directory.path / "output")
    assert arguments == [output, output, "show.yaml", "my net", "{x}"]
    assert (environment["MINE"], environment["PWD"]) == ("my net", output)
    assert environment["TRAINER_OUTPUT_DIR"] == output
    assert not any(name.startswith("TRAINING_") for name in environment)


def test_an_invalid_request_writes_nothing(runs: Service, tmp_path: Path) -> None:
    (runs.configs / "bad.yaml").write_text("modle: {}")
    (runs.configs / "ours.yaml").write_text("model: {architecture: ResNetForImageClassification}")
    (tmp_path / "empty").mkdir()
    requests = [
        (StartRequest(config_name="none.yaml"), exceptions.ExperimentNotFound),
        (StartRequest(config_name="../configs/bad.yaml"), exceptions.ExperimentNotFound),
        (StartRequest(config_name="bad.yaml"), exceptions.InvalidStart),
        (StartRequest(config_name="ours.yaml"), exceptions.InvalidStart),
        (StartRequest(config_name="ours.yaml", dataset="none"), exceptions.DatasetNotFound),
        (StartRequest(config_name="ours.yaml", train_data_dir=str(tmp_path / "empty")), exceptions.InvalidStart),
        (StartRequest(config_name="ours.yaml", train_data_dir="\0"), exceptions.InvalidStart),
        (StartRequest(config_name="ours.yaml", resume_from="../x"), exceptions.RunNotFound),
        (StartRequest(), exceptions.InvalidStart),
    ]
    for request, expected in requests:
        with pytest.raises(expected):
            runs.start(request)
    assert runs.store.ids() == []


def test_all_wrong_folders_are_named_together(runs: Service, tmp_path: Path) -> None:
    (runs.configs / "ours.yaml").write_text("model: {architecture: ResNetForImageClassification}")
    (tmp_path / "empty").mkdir()
    request = StartRequest(config_name="ours.yaml", train_data_dir=str(tmp_path / "empty"), val_data_dir="/no/such")
    with pytest.raises(exceptions.InvalidStart) as raised:
        runs.start(request)
    errors = raised.value.errors
    assert "contains no classes" in errors["train_data_dir"][0]
    assert "not an existing directory" in errors["val_data_dir"][0]
    assert "missing" in errors["test_data_dir"][0]


def test_a_wrong_override_is_named_as_an_override(runs: Service) -> None:
    (runs.configs / "ours.yaml").write_text("model: {architecture: ResNetForImageClassification}")
    request = StartRequest(config_name="ours.yaml", overrides={"trainer.max_epochs": -1, "trainer.no_such": 1})
    with pytest.raises(exceptions.InvalidStart) as raised:
        runs.start(request)
    assert "overrides.trainer.no_such" in raised.value.errors


def test_folders_and_links_outside_of_the_roots_are_refused(tmp_path: Path) -> None:
    runs = Service(tmp_path, data_roots=[tmp_path / "allowed"])
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed" / "link").symlink_to(runs.images("outside"))
    (runs.configs / "uses.yaml").write_text(json.dumps({"command": {"argv": ["true", "{train_data_dir}"]}}))
    allowed = tmp_path / "allowed"
    for folder in (runs.data / "outside", allowed / "link", allowed / ".." / "data" / "outside"):
        with pytest.raises(exceptions.InvalidStart, match="outside the allowed folders"):
            runs.start(StartRequest(config_name="uses.yaml", train_data_dir=str(folder)))


def test_a_full_disk_refuses_a_start(tmp_path: Path) -> None:
    runs = Service(tmp_path, min_free_mb=10**9)
    with pytest.raises(exceptions.DiskFull, match=f"MB are free for runs in {runs.store.runs_dir}"):
        runs.start(runs.python("pass"))
    assert runs.store.ids() == []


def test_a_folder_without_room_is_named_even_before_it_exists(tmp_path: Path) -> None:
    cache = tmp_path / "not" / "there"
    disk.refuse_without_room({tmp_path: "runs", cache: "decoded images"}, 1)
    with pytest.raises(exceptions.DiskFull, match=f"for decoded images in {cache}\\."):
        disk.refuse_without_room({cache: "decoded images"}, 10**9)


def test_a_command_without_resume_cannot_be_resumed(runs: Service) -> None:
    run = runs.start(runs.python("pass"))
    wait_until(lambda: not runs.store.find(run.run_id).is_active, 10)
    with pytest.raises(exceptions.InvalidStart, match="cannot resume a run"):
        runs.start(StartRequest(resume_from=run.run_id))
