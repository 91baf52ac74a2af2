"""The command line against a real service."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result
from PIL import Image

from app.cli import main
from app.cli.prediction import MAX_IMAGES
from tests.app.onnxmodel import brightness_model
from tests.app.written import write_model, write_run
from tests.live.processes import wait_for_log
from tests.servers import ROOT, LiveServer, free_port
from tests.trainer.trainings import TINY, write_images
from tests.waiting import wait_until

Training = Callable[..., Result]


@pytest.fixture
def training(eventlet_server: LiveServer) -> Training:
    """Run a command in this process and return its result."""

    def run(*arguments: str, **environment: str) -> Result:
        runner = CliRunner(env={"TRAINING_URL": eventlet_server.url} | environment)
        return runner.invoke(main, arguments, prog_name="training")

    return run


@pytest.fixture
def is_shared() -> Callable[[psutil.Process], bool]:
    """The service's process that predicts serves the next tests too."""
    return is_predictor


def is_predictor(process: psutil.Process) -> bool:
    with suppress(psutil.Error):  # It has exited.
        return "trainer.predictor" in process.cmdline()
    return False


def spawn(server: LiveServer, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    environment = os.environ | {"TRAINING_URL": server.url}
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli", *arguments], cwd=ROOT, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )  # fmt: skip


def test_a_followed_run_ends_with_its_outcome_as_the_exit_code(eventlet_server: LiveServer, training: Training) -> None:
    config = eventlet_server.write_command("m", "write_metrics.py", "{run_dir}", "--rows", "30")
    completed = training("start", config, "--follow", "--model-name", "mine")
    assert completed.exit_code == 0, completed.output
    assert re.search(r"^ +epoch +train/loss$", completed.stdout, re.MULTILINE)
    assert re.search(r"^Run \S+ completed$", completed.stdout, re.MULTILINE)
    failing = eventlet_server.write_command("f", "exit_with.py", "3")
    failed = training("start", failing, "--follow", "--json")
    assert failed.exit_code == 1
    answer, *events = map(json.loads, failed.stdout.splitlines())
    assert (answer["status"], events[-1]["event"]) == ("started", "run")
    assert (events[-1]["run"]["state"], events[-1]["run"]["reason"]) == ("failed", "exit code 3")
    write_run(eventlet_server.runs_dir, "2020-01-01_00-00-00", "stopped")
    write_run(eventlet_server.runs_dir, "2020-01-01_00-00-01", "interrupted")
    assert training("follow", "2020-01-01_00-00-00").exit_code == 3
    assert training("follow", "2020-01-01_00-00-01").exit_code == 4


def test_errors_have_codes_of_their_own(eventlet_server: LiveServer, training: Training, tmp_path: Path) -> None:
    unknown = training("start", "none.yaml")
    assert (unknown.exit_code, unknown.stdout) == (5, "")
    assert unknown.stderr.startswith("Error: No experiment 'none.yaml'.")
    assert json.loads(training("follow", "none", "--json").stdout)["code"] == 404
    away = training("status", "--url", f"localhost:{free_port()}")
    assert (away.exit_code, away.stdout) == (6, "")
    assert "Connection refused" in away.stderr
    (tmp_path / "empty").touch()
    for arguments in (
        ["start"], ["start", "c.yaml", "--set", "x"], ["status", "--url", "ftp://host"],
        ["status", "--token-file", str(tmp_path / "empty")], ["nothing"],
    ):  # fmt: skip
        assert training(*arguments).exit_code == 2, arguments
    assert training("logs").exit_code == 1


def test_each_command_prints_for_people_and_for_programs(
    eventlet_server: LiveServer, training: Training, tmp_path: Path
) -> None:
    server = eventlet_server
    metrics = "epoch,step,val/acc\n0,1,0.5\nepoch,step,val/acc,lr\n1,2,nan\n"
    run = write_run(server.runs_dir, "2020-01-01_00-00-00", log=b"one\ntw\xc3\xb6\nthree\n", metrics=metrics)
    write_model(run, b"onnx", model_name="pets")
    config = server.write_command("w", "wait_for_file.py", "/nonexistent")

    def document(*arguments: str) -> Any:
        result = training(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    assert training("runs").stdout.splitlines()[1].split()[:4] == [run.name, "completed", "digits.yaml", "digits"]
    assert [each["run_id"] for each in document("runs")] == [run.name]
    assert training("metrics").stdout.splitlines()[1].split() == ["val/acc", "0.5", "0.5", "higher"]
    assert training("metrics", run.name, "--rows").stdout == "epoch,step,val/acc\n0,1,0.5\n1,2,nan\n"
    assert "line 3 is another header" in training("metrics", run.name, "--rows").stderr
    assert "not rows: 1" in training("metrics").stderr
    assert document("metrics", run.name, "--rows")["non_finite"] == {"val/acc": {"nan": [1]}}
    assert training("logs", run.name).stdout == "one\ntwö\nthree\n"
    assert training("logs", "-n", "2").stdout == "twö\nthree\n"
    assert training("logs", "-f", "-n", "1").stdout == "three\n"
    assert document("logs", run.name)["next_offset"] == 15
    assert training("models").stdout.splitlines()[1].split()[:4] == [run.name, "pets", "digits", "0.75"]
    assert [card["run_id"] for card in document("models", "list")] == [run.name]
    target = tmp_path / "mine.onnx"
    assert training("models", "download", run.name, "-o", str(target)).stdout == f"{target}\n"
    assert target.read_bytes() == b"onnx"
    assert training("status").stdout == f"No run is active. Run {run.name} completed\n"
    assert training("check", config).stdout == "The start is valid.\n"

    active = document("start", config)["run_id"]
    assert document("status")["run_id"] == active
    assert training("status").stdout.splitlines()[1].split()[:2] == [active, config]
    waiting = [document("start", config, "--queue", "--priority", "1")["run_id"] for _ in range(2)]
    assert [row.split()[1] for row in training("queue", "move", waiting[1], "1").stdout.splitlines()[1:]] == waiting[
        ::-1
    ]
    assert training("queue", "pause").stdout.endswith("The queue is paused.\n")
    assert not document("queue", "resume")["paused"]
    for run_id in waiting:
        assert training("queue", "cancel", run_id).stdout == f"Run {run_id} is cancelled.\n"
    assert training("queue").stdout == "The queue is empty.\n"
    assert training("stop", "--mode", "discard").stdout == f"Run {active} is stopped.\n"
    assert document("stop")["status"] == "not_running"
    assert training("delete", run.name).exit_code == 0
    assert "restored" in training("restore", run.name).stdout
    assert document("delete", run.name, "--for-good")["success"]
    assert not run.exists()


def test_ctrl_c_leaves_a_followed_run_alone(eventlet_server: LiveServer) -> None:
    config = eventlet_server.write_command("w", "wait_for_file.py", "/nonexistent")
    process = spawn(eventlet_server, "start", config, "--follow")
    assert process.stdout is not None
    run_id = process.stdout.readline().split()[1]
    wait_for_log(eventlet_server, run_id, "ready")
    wait_until(lambda: eventlet_server.run(run_id)["state"] == "running", 10)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert f"training follow {run_id}" in errors
    assert eventlet_server.run(run_id)["state"] == "running"


def test_ctrl_c_ends_the_waiting_of_a_stop_and_not_the_stop(eventlet_server: LiveServer) -> None:
    run_id = eventlet_server.start_run(
        eventlet_server.write_command("w", "ignore_sigterm.py", more="stop: {grace_s: 2}")
    )
    wait_for_log(eventlet_server, run_id, "ready")
    process = spawn(eventlet_server, "stop")
    assert process.stderr is not None
    assert f"until run {run_id} has ended" in process.stderr.readline()
    wait_until(lambda: eventlet_server.run(run_id)["state"] == "stopping", 10)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, output) == (130, "")
    assert f"Run {run_id} is stopping" in errors
    assert eventlet_server.run(run_id)["state"] in ("stopping", "stopped")


def test_ctrl_c_before_the_answer_says_that_the_request_may_succeed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for arguments, expected in ((["runs"], ""), (["delete", "run"], "may still carry out the request")):
            process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", *arguments, "--url", url], cwd=ROOT, text=True, stderr=subprocess.PIPE
            )
            with silent.accept()[0] as connection:
                assert connection.recv(1)
                process.send_signal(signal.SIGINT)
                _, errors = process.communicate(timeout=20)
            assert process.returncode == 130
            assert expected in errors
            assert "Traceback" not in errors


def test_ctrl_c_ends_the_service_without_a_traceback(tmp_path: Path) -> None:
    server = LiveServer(tmp_path)
    process = subprocess.Popen(server.command(), env=server.environment(), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "Open http" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert errors.endswith("The service has ended. Active runs continue.\n")
    assert "Traceback" not in errors


def test_a_start_prints_the_warnings_about_its_images(eventlet_server: LiveServer, training: Training) -> None:
    (eventlet_server.configs_dir / "tiny.yaml").write_text(TINY, encoding="utf-8")
    pets = write_images(eventlet_server.data_dir / "pets", {"cat": 60, "dog": 180})
    (pets / "test").rename(pets / "old")
    assert training("queue", "pause").exit_code == 0  # The images are checked, and nothing trains.
    started = training("start", "tiny.yaml", "--dataset", "pets", "--queue")
    assert "is queued" in started.stdout
    assert "unused folders" in started.stderr
    assert training("stop", started.stdout.split()[1]).exit_code == 0
    assert training("queue", "resume").exit_code == 0


def test_a_reader_that_goes_away_makes_no_noise(eventlet_server: LiveServer) -> None:
    run = write_run(eventlet_server.runs_dir, "2020-01-01_00-00-00", log=b"a line of the log\n" * 200_000)
    process = spawn(eventlet_server, "logs", run.name)
    assert process.stdout is not None
    assert process.stdout.readline() == "a line of the log\n"
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(20) == 141


def test_the_shell_completes_what_the_service_knows(
    eventlet_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(eventlet_server.runs_dir, "2020-01-01_00-00-00")
    config = eventlet_server.write_command("w", "end_at_once.py")

    def completed(*arguments: str, incomplete: str = "") -> list[str]:
        shell = ShellComplete(main, {}, "training", "_TRAINING_COMPLETE")
        return [item.value for item in shell.get_completions(list(arguments), incomplete)]

    monkeypatch.setenv("TRAINING_URL", eventlet_server.url)
    assert completed("start") == [config]
    assert completed("logs", incomplete="2020") == ["2020-01-01_00-00-00"]
    assert completed("logs", incomplete="2021") == []
    assert "--follow" in completed("start", incomplete="--f")
    assert completed("logs", "--url", f"localhost:{free_port()}") == []


def test_predict_sends_as_many_images_as_it_is_given(
    eventlet_server: LiveServer, training: Training, tmp_path: Path
) -> None:
    run = write_run(eventlet_server.runs_dir, "2020-01-01_00-00-00")
    write_model(run).write_bytes(brightness_model())
    images = [tmp_path / f"{number:02}.png" for number in range(MAX_IMAGES + 1)]
    for path in images:
        Image.new("L", (4, 4), 255).save(path)
    rows = training("predict", *map(str, images), "--top", "1").stdout.splitlines()[1:]
    assert [row.split()[:2] for row in rows] == [[str(path), "bright"] for path in images]
    answer = training("predict", str(images[0]), "--heatmaps", str(tmp_path), "--json")
    assert json.loads(answer.stdout)["predictions"][0]["file"] == str(images[0])
    assert (tmp_path / "001_00.png").read_bytes().startswith(b"\x89PNG")
    images[0].write_bytes(b"no image")
    assert training("predict", str(images[0])).exit_code == 5
