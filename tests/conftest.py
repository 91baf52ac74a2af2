"""Fixtures for all tests: live servers of each kind, and a check that no test leaves a process or thread behind."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from app.runs.retention.trash import TRASH
from tests.servers import KINDS, LiveServer
from tests.waiting import wait_until
from trainer.rundir import RUN_DIR_VARIABLE

LIVE_MODULES = {
    "tests.servers",
    "tests.slurm.cluster",
    "tests.reader",
    "tests.trainer.launched",
    "tests.trainer.trainings",
}
LIVE_FIXTURES = {"shared_server", "stopped_server", "module_server", "browser", "preloaded"}
"""A test is live if it uses one of these fixtures, or if its file imports a class from one of these modules."""

# Hundreds of processes import our modules. Let the first one that compiles a module keep its bytecode for the others.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
os.environ.setdefault("OMP_NUM_THREADS", "1")  # Set before torch is imported: parallel tests share the cores.


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a server or a training as live, and run the files with slow tests first.

    `make quick` deselects the live tests. The order keeps all workers busy until the end.
    """
    for item in items:
        if isinstance(item, pytest.Function) and _is_live(item):
            item.add_marker(pytest.mark.live)
    num_slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -num_slow[item.path])


def _is_live(item: pytest.Function) -> bool:
    modules = {value.__module__ for value in vars(item.module).values() if isinstance(value, type)}
    return not (LIVE_MODULES.isdisjoint(modules) and LIVE_FIXTURES.isdisjoint(item.fixturenames))


@pytest.fixture(scope="session")
def running_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], LiveServer]]:
    """Return a function that gives the running server of a kind. All files share it, so it starts only once."""
    servers: dict[str, LiveServer] = {}

    def running(kind: str) -> LiveServer:
        if kind not in servers:
            servers[kind] = LiveServer(tmp_path_factory.mktemp(kind), kind, TRAINING_STOP_GRACE_S="5").start()
        return servers[kind]

    yield running
    for server in servers.values():
        end(server)


@pytest.fixture(scope="module", params=KINDS)
def shared_server(request: pytest.FixtureRequest, running_server: Callable[[str], LiveServer]) -> Iterator[LiveServer]:
    """A running server that the tests of one file share. They neither stop nor reconfigure it."""
    shared = running_server(request.param)
    yield shared
    renew(shared)


@pytest.fixture
def server(shared_server: LiveServer) -> Iterator[LiveServer]:
    """A running server without runs, experiments or datasets. The test runs once on each kind of server."""
    yield shared_server
    renew(shared_server)


@pytest.fixture(scope="module")
def module_server(running_server: Callable[[str], LiveServer]) -> Iterator[LiveServer]:
    """A running eventlet server, for tests that do not depend on the kind of server."""
    server = running_server("eventlet")
    yield server
    renew(server)


@pytest.fixture
def eventlet_server(module_server: LiveServer) -> Iterator[LiveServer]:
    """The module's server without the runs, experiments and datasets of other tests."""
    yield module_server
    renew(module_server)


@pytest.fixture(params=KINDS)
def stopped_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LiveServer]:
    """A server that the test starts itself after it has written files or changed settings."""
    stopped = LiveServer(tmp_path, request.param)
    yield stopped
    end(stopped)


on_eventlet = pytest.mark.parametrize("stopped_server", ["eventlet"], indirect=True)
"""Run a test that uses `stopped_server` once, because it does not depend on the kind of server."""


@pytest.fixture
def own_server(stopped_server: LiveServer) -> LiveServer:
    """A running server that the test may kill."""
    return stopped_server.start()


def renew(server: LiveServer) -> None:
    """Stop all runs and delete all runs, experiments and datasets. The server keeps running for the next test."""
    is_up = server.process is not None and server.process.poll() is None
    if is_up and stop_everything(server):
        with server.client() as client:  # Before it answers, the server reads how the runs ended. Later it could not.
            client.call("subscribe", {}, namespace="/training", timeout=20)
    for path in server.home.iterdir():
        if path not in (server.log_path, server.runs_dir.parent, server.configs_dir, server.data_dir):
            remove(path)
    for folder in (server.runs_dir, server.runs_dir.parent / TRASH, server.configs_dir, server.data_dir):
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            remove(path)
    check_log(server)
    if not is_up:
        server.start()
    assert is_up, "the server has exited; a test that kills its server must use `own_server`"


def stop_everything(server: LiveServer) -> bool:
    """Stop the queued runs and then the active ones, and resume the queue. Return whether a run was active.

    A server whose runs folder a test took away has none.
    """
    queue = server.get("/training/queue").json()
    for run in queue.get("runs", []):
        server.post("/training/stop", {"run_id": run["run_id"]})
    if queue.get("paused"):
        server.post("/training/queue/resume")
    active = server.get("/training/status").json().get("active", [])
    for run in active:
        server.post("/training/stop", {"run_id": run["run_id"], "mode": "discard"})
    return bool(active)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder. The service may write the usage of a run that has just ended meanwhile."""
    if not path.is_dir() or path.is_symlink():
        path.unlink()
        return
    while path.exists():
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            pass  # The service has just renamed its temporary file.
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise


def end(server: LiveServer) -> None:
    """Stop the active run and the server in any state."""
    if server.process is not None and server.process.poll() is None:
        try:
            if not server.settings.get("TRAINING_API_TOKEN"):
                stop_everything(server)
        finally:
            server.kill()
    check_log(server)


def check_log(server: LiveServer) -> None:
    """Print what the server has logged since the last call, which pytest shows on failure. Fail on a traceback."""
    log = server.take_log()
    print(log)
    assert "Traceback" not in log, "the service raised an unexpected exception; see its log"


@pytest.fixture
def is_shared() -> Callable[[psutil.Process], bool]:
    """Return a predicate: may this process outlive its test? Those may that many tests share.

    They are the processes of the browser, and the one that predicts, which belongs to a server.
    """

    def is_of_browser_or_predicts(process: psutil.Process) -> bool:
        try:
            return "chrom" in process.name() or "trainer.predictor" in process.cmdline()
        except psutil.Error:
            return True  # The process has exited.

    return is_of_browser_or_predicts


@pytest.fixture(autouse=True)
def nothing_left_behind(
    tmp_path_factory: pytest.TempPathFactory, is_shared: Callable[[psutil.Process], bool]
) -> Iterator[None]:
    """Fail a test that leaves a process or thread behind. Kill such processes, so that only this test fails."""
    threads_before, pids_before = set(threading.enumerate()), set(psutil.pids())
    yield
    ours = f"{tmp_path_factory.getbasetemp()}/"  # Another pytest session may run at the same time.
    left = [
        process
        for process in _processes(set(psutil.pids()) - pids_before)
        if (_is_of_a_run(process, ours) or _is_child(process)) and not is_shared(process)
    ]
    _, left = psutil.wait_procs(left, timeout=10)  # A runner exits some milliseconds after it writes its verdict.
    shown = [_describe(process) for process in left]
    for process in left:
        process.kill()
    assert not shown, f"processes left behind: {shown}"
    wait_until(lambda: not _new_threads(threads_before), 5, lambda: _new_threads(threads_before))


def _new_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    return [thread for thread in set(threading.enumerate()) - before if thread.name != "tqdm_monitor"]


def _processes(pids: set[int]) -> Iterator[psutil.Process]:
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            yield psutil.Process(pid)


def _is_child(process: psutil.Process) -> bool:
    """Return whether a process is a child of this one, or a child's child."""
    try:
        return any(parent.pid == os.getpid() for parent in process.parents())
    except (psutil.Error, OSError):
        return False


def _is_of_a_run(process: psutil.Process, base: str) -> bool:
    """Return whether a process is a training or a runner whose run directory is below `base`."""
    try:
        arguments = process.cmdline()
        is_runner = "trainer.runner" in arguments and base in " ".join(arguments)
        return is_runner or process.environ().get(RUN_DIR_VARIABLE, "").startswith(base)
    except (psutil.Error, OSError):
        return False


def _describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {process.status()} {process.cmdline()}"
    except (psutil.Error, OSError):
        return f"{process.pid} gone"
