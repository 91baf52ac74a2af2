"""The folder that gunicorn's workers share, and those that killed services leave."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import ROOT

MAKE = "import time; from app.monitoring.folder import make_folder; print(make_folder(), flush=True); time.sleep(600)"


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


def test_the_folder_of_a_killed_service_is_removed_by_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "training-metrics-file").touch()
    with making(tmp_path) as living:
        with making(tmp_path) as killed:
            (killed / "counter_1.db").touch()
        assert killed.exists()
        with making(tmp_path) as new:
            assert set(tmp_path.iterdir()) == {living, new, tmp_path / "training-metrics-file"}
