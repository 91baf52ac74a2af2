"""Stops in each phase of a training."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.live.processes import is_gone
from tests.trainer.interrupted import MODEL, interrupting
from tests.trainer.trainings import TINY, Launcher, Started, write_config, write_images
from tests.waiting import wait_until
from trainer.rundir import read_json, write_json

ENDLESS = "--set=trainer.max_epochs=100000"
TERM, INT = signal.SIGTERM, signal.SIGINT

MOMENTS = {
    "trial": (1, []),
    "fit": (6, ["--set=data.num_workers=2"]),  # in the second epoch; the first has left a best checkpoint
    "validation": (1, ["--set=data.batch_size=4"]),  # the first of two batches
    "test": (1, ["--set=data.batch_size=4"]),
    "export": (1, []),
}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment that trains `squares` for 2 epochs of 5 batches."""
    text = MODEL + TINY[TINY.index("data:") :].replace("max_epochs: 3", "max_epochs: 2")
    return write_config(tmp_path_factory.mktemp("stops"), text)


def interrupted(
    launcher: Launcher, config: Path, data: Path, *interruptions: tuple[str, int, str | None, int], options: list[str]
) -> Started:
    environment = interrupting(launcher.home / "run", *interruptions)
    return launcher.train(config, data, *options, name="run", **environment)


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_discard_ends_a_training_in_every_phase(launcher: Launcher, config: Path, squares: Path, moment: str) -> None:
    number, options = MOMENTS[moment]
    started = interrupted(launcher, config, squares, (moment, number, "discard", TERM), options=options)
    assert started.process.returncode == 128 + TERM, started.log
    assert started.last_line.startswith("stopped at once")
    assert not started.run.result.exists()
    assert not started.run.card.exists()


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_save_leaves_a_checkpoint_and_a_model_in_every_phase(
    launcher: Launcher, config: Path, squares: Path, moment: str
) -> None:
    number, options = MOMENTS[moment]
    started = interrupted(launcher, config, squares, (moment, number, "save", TERM), options=options)
    assert started.process.returncode == 128 + TERM, started.log
    assert not started.run.result.exists()
    if moment == "trial":
        assert started.last_line.startswith("stopped while the training was starting")
        return
    card = read_json(started.run.card)
    assert card is not None, started.log
    assert Path(card["model_path"]).is_file()
    assert started.run.last_checkpoint.exists()
    assert "last.ckpt" in started.last_line
    has_best = moment != "validation"
    assert (card["checkpoint"] == "last.ckpt") is not has_best
    assert bool(card["test_metrics"]) == started.run.report.exists() == (moment == "export")


@pytest.mark.slow
def test_discard_overrides_a_save_in_progress(launcher: Launcher, config: Path, squares: Path) -> None:
    stops = ("fit", 6, "save", TERM), ("export", 1, "discard", TERM)
    started = interrupted(launcher, config, squares, *stops, options=[])
    assert started.process.returncode == 128 + TERM
    assert started.run.last_checkpoint.exists()
    assert not started.run.card.exists()


@pytest.mark.slow
def test_ctrl_c_saves_and_a_second_ctrl_c_aborts_the_save(launcher: Launcher, config: Path, squares: Path) -> None:
    started = interrupted(launcher, config, squares, ("fit", 6, None, INT), ("export", 1, None, INT), options=[])
    assert started.process.returncode == 128 + INT
    assert started.run.last_checkpoint.exists()
    assert not started.run.card.exists()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["discard", None])
def test_loader_processes_do_not_survive_a_discarded_or_killed_training(
    launcher: Launcher, config: Path, squares: Path, mode: str | None
) -> None:
    started = launcher.start(config, squares, ENDLESS, "--set=data.num_workers=2")
    children = psutil.Process(started.process.pid).children
    wait_until(lambda: len(children(recursive=True)) >= 2, 60, lambda: started.log)
    workers = children(recursive=True)
    if mode is None:
        started.process.kill()
        started.wait()
    else:
        write_json(started.run.stop, {"mode": mode})
        started.process.send_signal(TERM)
        assert started.wait(30) == 128 + TERM
    wait_until(lambda: all(map(is_gone, workers)), 30)


@pytest.mark.slow
def test_a_stop_while_images_are_prepared_ends_the_training(launcher: Launcher, tiny: Path, tmp_path: Path) -> None:
    data = write_images(tmp_path / "data", {"dark": 60, "bright": 180})
    os.mkfifo(data / "train" / "dark" / "pipe.png")  # blocks a reader, like an unresponsive network disk
    started = launcher.start(tiny, data)
    wait_until(lambda: started.progress.get("phase") == "prepare", 60, lambda: started.log)
    assert (started.progress["batch"], started.progress["num_batches"]) == (0, 41)
    write_json(started.run.stop, {"mode": "save"})
    started.process.send_signal(TERM)
    assert started.wait(30) == 128 + TERM
    assert started.last_line.startswith("stopped ")
