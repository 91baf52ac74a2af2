"""Run a program as a user other than root, so that file permissions apply to it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import ROOT

_DROP = """
import os, shutil
from trainer.dataset.formats import formats
formats()
if os.getuid() == 0:  # after the imports: other users may be unable to read Python's own files
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
"""


def run_unprivileged(imports: str, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `imports`, then `code`. If the current user is root, `code` runs as `nobody`."""
    argv = [sys.executable, "-c", f"import sys\n{imports}\n{_DROP}\n{code}", *arguments]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


@contextmanager
def open_folder() -> Iterator[Path]:
    """Yield a temporary folder that every user may read, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        try:
            yield Path(folder)
        finally:
            for parent, names, _ in os.walk(folder):
                for name in names:
                    os.chmod(Path(parent, name), 0o755)
