"""The training program in a terminal."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.trainer.preloaded import Preloaded
from tests.trainer.trainings import ROOT


@pytest.mark.slow
def test_a_terminal_shows_a_progress_bar_and_the_run_directory(
    preloaded: Preloaded, tiny: Path, squares: Path, tmp_path: Path
) -> None:
    parent, child = os.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    folders = [f"--{split}-data-dir={squares / split}" for split in ("train", "val", "test")]
    process = preloaded.start([str(tiny), *folders], dict(os.environ), Path(os.ttyname(child)), cwd=tmp_path)
    shown = b""
    while process.poll() is None or select.select([parent], [], [], 0)[0]:
        if select.select([parent], [], [], 0.05)[0]:
            shown += os.read(parent, 4096)
    os.close(child)
    os.close(parent)
    assert process.returncode == 0, shown
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
