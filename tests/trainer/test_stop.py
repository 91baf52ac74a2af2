"""Stops in each phase of a training."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.live.processes import is_gone
from tests.trainer.trainings import Launcher, Started, is_validating, write_images
from tests.waiting import wait_until
from trainer.rundir import read_json, write_json

ENDLESS = "--set=trainer.max_epochs=100000"


def is_importing(started: Started) -> bool:
    return started.run.config.exists()


def is_fitting(started: Started) -> bool:
    """Whether the first epoch has ended. It leaves a best checkpoint."""
    return any(started.run.checkpoints.glob("epoch_*.ckpt"))


def is_testing(started: Started) -> bool:
    return started.progress.get("phase") == "test"


def is_exporting(started: Started) -> bool:
    return started.progress.get("phase") == "export"


PHASES = {
    "import": (is_importing, [ENDLESS]),
    "fit with workers": (is_fitting, [ENDLESS, "--set=data.num_workers=2"]),
    "validation": (is_validating, ["--set=trainer.max_epochs=2", "--set=trainer.log_every_n_steps=5"]),
    "test": (is_testing, ["--set=trainer.max_epochs=1"]),
    "export": (is_exporting, ["--set=trainer.max_epochs=1"]),
}
LONG = {"validation", "test"}


@pytest.fixture(params=PHASES)
def reached(
    request: pytest.FixtureRequest, launcher: Launcher, tiny: Path, squares: Path, long_squares: Path
) -> tuple[str, Started]:
    """A training in the given phase."""
    condition, options = PHASES[request.param]
    started = launcher.start(tiny, long_squares if request.param in LONG else squares, *options)
    wait_until(lambda: condition(started), 60, lambda: (started.log, started.progress))
    assert started.process.poll() is None, started.log
    return request.param, started


def stop(started: Started, mode: str | None, number: int = signal.SIGTERM) -> None:
    if mode is not None:
        write_json(started.run.stop, {"mode": mode})
    started.process.send_signal(number)


@pytest.mark.slow
def test_discard_ends_a_training_in_every_phase(reached: tuple[str, Started]) -> None:
    _, started = reached
    workers = psutil.Process(started.process.pid).children(recursive=True)
    stop(started, "discard")
    assert started.wait(30) == 128 + signal.SIGTERM
    assert started.last_line.startswith("stopped ")
    assert not started.run.result.exists()
    assert not started.run.card.exists()
    wait_until(lambda: all(map(is_gone, workers)), 30)


@pytest.mark.slow
def test_save_leaves_a_checkpoint_and_a_model_in_every_phase(reached: tuple[str, Started]) -> None:
    phase, started = reached
    stop(started, "save")
    assert started.wait(30) == 128 + signal.SIGTERM, started.log
    assert not started.run.result.exists()
    if phase == "import":
        assert started.last_line.startswith("stopped ")
        return
    card = read_json(started.run.card)
    assert card is not None, started.log
    assert Path(card["model_path"]).is_file()
    assert started.run.last_checkpoint.exists()
    assert "last.ckpt" in started.last_line
    has_best = phase != "validation"
    assert (card["checkpoint"] == "last.ckpt") is not has_best
    assert bool(card["test_metrics"]) == started.run.report.exists() == (phase == "export")


@pytest.mark.slow
def test_discard_overrides_a_save_in_progress(launcher: Launcher, tiny: Path, squares: Path) -> None:
    started = launcher.start(tiny, squares, ENDLESS)
    wait_until(lambda: is_fitting(started), 60, lambda: started.log)
    stop(started, "save")
    wait_until(lambda: is_exporting(started), 30, lambda: started.log)
    stop(started, "discard")
    assert started.wait(30) == 128 + signal.SIGTERM
    assert not started.run.card.exists()


@pytest.mark.slow
def test_ctrl_c_saves_and_a_second_ctrl_c_aborts_the_save(launcher: Launcher, tiny: Path, squares: Path) -> None:
    started = launcher.start(tiny, squares, ENDLESS)
    wait_until(lambda: is_fitting(started), 60, lambda: started.log)
    stop(started, None, signal.SIGINT)
    wait_until(lambda: is_exporting(started), 30, lambda: started.log)
    assert started.run.last_checkpoint.exists()
    stop(started, None, signal.SIGINT)
    assert started.wait(30) == 128 + signal.SIGINT
    assert not started.run.card.exists()


@pytest.mark.slow
def test_loader_processes_do_not_survive_a_killed_training(launcher: Launcher, tiny: Path, squares: Path) -> None:
    started = launcher.start(tiny, squares, ENDLESS, "--set=data.num_workers=2")
    children = psutil.Process(started.process.pid).children
    wait_until(lambda: is_fitting(started) and children(recursive=True), 60, lambda: started.log)
    workers = children(recursive=True)
    started.process.kill()
    started.wait()
    wait_until(lambda: all(map(is_gone, workers)), 30)


@pytest.mark.slow
def test_a_stop_while_images_are_prepared_ends_the_training(launcher: Launcher, tiny: Path, tmp_path: Path) -> None:
    data = write_images(tmp_path / "data", {"dark": 60, "bright": 180})
    os.mkfifo(data / "train" / "dark" / "pipe.png")  # blocks a reader, like an unresponsive network disk
    started = launcher.start(tiny, data)
    wait_until(lambda: started.progress.get("phase") == "prepare", 60, lambda: started.log)
    assert (started.progress["batch"], started.progress["num_batches"]) == (0, 41)
    stop(started, "save")
    assert started.wait(30) == 128 + signal.SIGTERM
    assert started.last_line.startswith("stopped ")
