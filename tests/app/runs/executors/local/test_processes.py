"""The family of a process, found among real processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from app.runs.executors.local import processes

TREE = """
import subprocess, sys, threading
leaf = "import os, sys; os.write(1, b'ready' + bytes([10])); sys.stdin.read()"  # one write: two may interleave
middle = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {leaf!r}])"
threads = [threading.Thread(target=subprocess.run, args=([sys.executable, "-c", code],)) for code in (middle, leaf)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.mark.parametrize("proc", ["/proc", "/nonexistent"])
def test_a_family_is_a_process_and_its_descendants(proc: str) -> None:
    """The family includes children of threads, even if the kernel does not list children."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", TREE], **pipes) as tree:
        assert tree.stdout is not None
        assert [tree.stdout.readline() for _ in range(2)] == [b"ready\n"] * 2
        descendants = psutil.Process(tree.pid).children(recursive=True)
        assert len(descendants) == 3
        assert sorted(processes.family(tree.pid, Path(proc))) == sorted([tree.pid, *(each.pid for each in descendants)])
        tree.communicate()
    with pytest.raises(psutil.NoSuchProcess):
        processes.family(tree.pid, Path(proc))
