"""The training program in a terminal."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.trainer.trainings import ROOT


@pytest.mark.slow
def test_a_terminal_shows_a_progress_bar_and_the_run_directory(tiny: Path, squares: Path, tmp_path: Path) -> None:
    parent, child = os.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    folders = [f"--{split}-data-dir={squares / split}" for split in ("train", "val", "test")]
    process = subprocess.Popen(
        [sys.executable, "-m", "trainer", str(tiny), *folders],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=child,
        stderr=child,
    )
    os.close(child)
    shown = b""
    while True:
        try:
            chunk = os.read(parent, 4096)
        except OSError:  # on Linux, the other end of the terminal was closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(parent)
    assert process.wait(60) == 0, shown
    (run,) = (tmp_path / "logs" / "train" / "local").iterdir()
    assert f"completed: logs/train/local/{run.name}".encode() in shown
    assert b"\rEpoch 0" in shown
    assert (run / "result.json").exists()


def test_help_does_not_import_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "trainer", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--train-data-dir" in done.stdout
    assert "torch" not in done.stderr
