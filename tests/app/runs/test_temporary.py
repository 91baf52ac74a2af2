"""Temporary folders, and those that killed services leave."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import ROOT, LiveServer

MAKE = "import time; from app.runs.temporary import make_folder; print(make_folder(), flush=True); time.sleep(600)"


@contextmanager
def making(home: Path) -> Iterator[Path]:
    """Yield the folder of a process that lives until the end of the block, and is killed then."""
    command = [sys.executable, "-c", MAKE]
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"TMPDIR": str(home)}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield Path(process.stdout.readline().strip())
        finally:
            process.kill()


def test_a_service_removes_the_folders_of_killed_ones_at_its_start(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    (temporary / "training-service-file").touch()
    with making(temporary) as living:
        with making(temporary) as killed:
            (killed / "0").touch()
        assert killed.exists()
        server = LiveServer(tmp_path, TMPDIR=str(temporary)).start()
        try:
            assert set(temporary.iterdir()) == {living, temporary / "training-service-file"}
        finally:
            server.kill()
