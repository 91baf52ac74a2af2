from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trainer.preloaded import Preloaded
from tests.trainer.trainings import OWN_NETWORK, ROOT, TINY, Launcher, Trained, write_config, write_images
from tests.waiting import wait_until

RANDOM_ONCE_TRAINED = """
class RandomOnceTrained(TwoParts):
    is_trained = False

    def forward(self, images):
        self.is_trained = self.is_trained or self.training
        logits = super().forward(images)
        return logits + torch.rand_like(logits) if self.is_trained else logits
"""
EXAMPLE = ROOT / "docs" / "examples" / "train_by_command.py"


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        (
            TINY,
            ["--set=trainer.max_epoch=3"],
            "overrides.trainer.max_epoch: unknown parameter; did you mean trainer.max_epochs",
        ),
        (TINY, ["--set=trainer.max_epochs=0"], "trainer.max_epochs: must be from 1 to 100,000"),
        (TINY, ["--set=trainer.max_epochs"], "--set trainer.max_epochs: must be like trainer.max_epochs=3"),
        (TINY, ["--set=seed=!!python/name:os.system"], "tags"),
        ("a: *b", [], "aliases"),
        ("command: {argv: [x]}", [], "command: is a program of its own"),
    ],
)
def test_a_mistake_in_the_experiment_fails_at_once_with_one_line(
    launcher: Launcher, tmp_path: Path, squares: Path, text: str, options: list[str], reason: str
) -> None:
    done = launcher.train(write_config(tmp_path, text), squares, *options)
    assert done.process.returncode == 1
    assert done.log.startswith("error: ")
    assert reason in done.log
    assert done.log.count("\n") == 1
    assert not done.run.path.exists()


def test_different_classes_in_the_splits_fail_with_one_line(launcher: Launcher, tmp_path: Path, tiny: Path) -> None:
    data = write_images(tmp_path / "data", {"a": 60, "b": 180})
    (data / "test" / "b").rename(data / "test" / "c")
    done = launcher.train(tiny, data)
    assert done.process.returncode == 1
    assert done.log.startswith("error: test lacks b, which train has; test has c, which train lacks (folders: train ")
    assert done.log.count("\n") == 1


def test_a_run_reports_that_its_libraries_are_loading(tmp_path: Path, tiny: Path, squares: Path) -> None:
    launcher = Launcher(tmp_path)  # starts trainings as users do, without preloaded imports
    started = launcher.start(tiny, squares)
    try:
        wait_until(lambda: started.progress.get("phase") == "loading", 60, lambda: started.log)
        wait_until(lambda: "loading torch, lightning and transformers\n" in started.log, 60, lambda: started.log)
        assert started.progress["max_epochs"] == 3
    finally:
        launcher.end()


@pytest.mark.slow
def test_an_image_that_breaks_during_training_is_reported(launcher: Launcher, tmp_path: Path, tiny: Path) -> None:
    data = write_images(tmp_path / "data", {"a": 60, "b": 180})
    (data / "val" / "b" / "0.png").write_bytes(b"no image")
    done = launcher.train(tiny, data, "--set=data.num_workers=1")
    assert done.process.returncode == 1
    assert done.last_line.startswith("error: ")
    assert "val/b/0.png" in done.last_line


@pytest.mark.slow
def test_an_export_with_different_outputs_fails_as_export(launcher: Launcher, squares: Path, tmp_path: Path) -> None:
    # The trial export after the first step succeeds.
    (tmp_path / "random_network.py").write_text(OWN_NETWORK + RANDOM_ONCE_TRAINED)
    text = "model: {class_path: random_network.RandomOnceTrained}\n" + TINY[TINY.index("data:") :]
    done = launcher.train(write_config(tmp_path, text), squares, PYTHONPATH=str(tmp_path))
    assert done.process.returncode == 1
    assert done.last_line.startswith("error: export: the file's outputs differ from the network's by ")
    assert "Traceback" in done.log
    assert not done.run.card.exists()
    assert not done.run.result.exists()
    assert not list(done.run.checkpoints.glob("*onnx*")) + list(done.run.checkpoints.glob(".*"))


def test_a_second_training_in_a_run_directory_is_refused(
    launcher: Launcher, completed: Trained, tiny: Path, squares: Path
) -> None:
    before = {path: path.read_bytes() for path in completed.run.path.rglob("*") if path.is_file()}
    done = launcher.train(tiny, squares, f"--run-dir={completed.run.path}")
    assert done.process.returncode == 1
    assert done.last_line.startswith("error: ")
    assert str(completed.run.path) in done.last_line
    assert {path: path.read_bytes() for path in completed.run.path.rglob("*") if path.is_file()} == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 kB: enough for the metrics, too small for the checkpoints."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs root to mount a small tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.slow
def test_a_full_disk_is_reported_even_if_the_log_is_on_it(
    small_disk: Path, preloaded: Preloaded, tiny: Path, squares: Path
) -> None:
    done = Launcher(small_disk, preloaded).train(tiny, squares, "--set=model.config.hidden_sizes=[128]")
    assert done.process.returncode == 1
    assert done.last_line.startswith(f"error: no space left on device: {small_disk}")
    assert not done.run.result.exists()


# the example program for a command


def test_the_example_program_writes_its_metrics_and_exits(tmp_path: Path) -> None:
    done = run_example(tmp_path, "--epochs", "3")
    assert done.wait(20) == 0
    assert (tmp_path / "metrics.csv").read_text().splitlines()[0] == "epoch,step,train/loss"
    assert len((tmp_path / "metrics.csv").read_text().splitlines()) == 4
    assert (tmp_path / "line.json").exists()


def test_the_example_program_saves_its_work_on_a_stop(tmp_path: Path) -> None:
    started = run_example(tmp_path, "--epochs", "100", seconds_per_epoch=60)
    wait_until(lambda: (tmp_path / "metrics.csv").exists() and (tmp_path / "metrics.csv").stat().st_size > 30, 10)
    started.terminate()
    assert started.wait(10) == 143
    assert (tmp_path / "line.json").exists()


def run_example(output_dir: Path, *options: str, seconds_per_epoch: float = 0) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(EXAMPLE), "--output-dir", str(output_dir), *options],
        env={**os.environ, "EXAMPLE_SECONDS_PER_EPOCH": str(seconds_per_epoch)},
        stdout=subprocess.DEVNULL,
    )
