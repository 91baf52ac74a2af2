"""Unusable locks, on real servers: file systems without locks, and lock files without permission."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.app.refusals import error_line, refusal
from tests.conftest import on_eventlet
from tests.servers import LiveServer
from tests.waiting import wait_until

WITHOUT_FLOCK = """
#include <errno.h>
#include <stdlib.h>
int flock(int fd, int operation) { errno = atoi(getenv("FLOCK_ERRNO")); return -1; }
"""

# Root may open every file unless it drops these capabilities.
UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


@pytest.fixture(scope="module")
def without_flock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that makes every file system refuse locks once it is preloaded."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    folder = tmp_path_factory.mktemp("flock")
    (folder / "flock.c").write_text(WITHOUT_FLOCK)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", folder / "flock.so", folder / "flock.c"], check=True)
    return folder / "flock.so"


@pytest.mark.parametrize(("kind", "name"), [("eventlet", "ENOSYS"), ("gunicorn", "ENOLCK"), ("eventlet", "EOPNOTSUPP")])
def test_a_file_system_without_locks_is_refused_at_start(
    kind: str, tmp_path: Path, without_flock: Path, name: str
) -> None:
    shim = {"LD_PRELOAD": str(without_flock), "FLOCK_ERRNO": str(getattr(errno, name))}
    line = error_line(refusal(kind, tmp_path, **shim))
    assert f"TRAINING_RUNS_DIR='{tmp_path}/logs/runs' cannot be used" in line
    assert f"the file system of {tmp_path}/logs has no file locks ({os.strerror(getattr(errno, name))})" in line


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("eventlet", "slots/0.lock"),
        ("gunicorn", "slots/guard"),
        ("eventlet", "supervisor.lock"),
        ("gunicorn", "ids.lock"),
    ],
)
def test_a_lock_without_permission_is_refused_at_start(kind: str, tmp_path: Path, name: str) -> None:
    (tmp_path / "logs" / "slots").mkdir(parents=True)
    (tmp_path / "logs" / name).touch(mode=0)
    line = error_line(refusal(kind, tmp_path, wrapper=UNPRIVILEGED))
    assert f"the lock {tmp_path}/logs/{name} cannot be opened: Permission denied." in line
    assert "mode 000: make it writable for" in line


@on_eventlet
def test_a_recurring_error_is_logged_once(stopped_server: LiveServer) -> None:
    server = stopped_server
    server.wrapper = UNPRIVILEGED
    server.settings["TRAINING_POLL_INTERVAL_S"] = "0.01"
    server.start()
    locks = [server.runs_dir.parent / "slots" / name for name in ("0.lock", "guard")]
    for lock in locks:
        lock.touch()
        lock.chmod(0)
    wait_until(lambda: "100 errors" in server.log_path.read_text(), 30, server.log_path.read_text)
    for lock in locks:
        lock.chmod(0o644)
    wait_until(lambda: "The supervisor works again" in server.log_path.read_text(), 30)
    log = server.take_log()
    assert log.count("Traceback") <= 3, log
    run_id = server.start_run(server.write_command("quick", "exit_with.py", "0"))
    server.wait_for_state(run_id, "completed")
