"""The real service in its own process, on either of the two WSGI servers that we support."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import engineio
import psutil
import requests
import socketio

from app.cli.client import Client
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("eventlet", "gunicorn")
WITHOUT_UTF8_CHECK = {"skip_utf8_validation": True}
"""Options for websocket-client, which checks UTF-8 in Python at 2 MB/s. Decoding still fails on invalid text."""

JOIN_TIMEOUT_S = 20
"""How long a socketio.Client waits to join the namespace. Its default is 1 s."""


class LiveServer:
    """A server with its own folder `home`, which holds configs, data and runs. A test may restart it at will."""

    def __init__(self, home: Path, kind: str = "eventlet", workers: int = 1, **settings: str) -> None:
        self.home = home
        self.kind = kind
        self.workers = workers
        self.configs_dir = home / "configs"
        self.data_dir = home / "data"
        self.runs_dir = home / "logs" / "runs"
        self.log_path = home / "server.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.cwd = ROOT
        """The server's working directory."""
        self.wrapper: list[str] = []
        """A command prefix: a program that changes its environment and then executes the server."""
        self.process: subprocess.Popen[bytes] | None = None
        self._log_taken = 0
        self.settings = {
            "TRAINING_PORT": str(self.port),
            "TRAINING_CONFIGS_DIR": str(self.configs_dir),
            "TRAINING_DATA_DIR": str(self.data_dir),
            "TRAINING_RUNS_DIR": str(self.runs_dir),
            "TRAINING_MIN_FREE_MB": "1",
            **settings,
        }
        self.configs_dir.mkdir(parents=True, exist_ok=True)
        self.data_dir.mkdir(exist_ok=True)

    def start(self) -> LiveServer:
        """Start the server and return once it answers."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, *self.command()],
                cwd=self.cwd,
                env=self.environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_until(self.answers, 30, lambda: self.log_path.read_text(errors="replace")[-4000:])
        except BaseException:
            self.kill()
            raise
        return self

    def command(self) -> list[str]:
        if self.kind == "eventlet":
            return [sys.executable, str(ROOT / "wsgi.py")]
        configuration = str(ROOT / "gunicorn.conf.py")
        return [sys.executable, "-m", "gunicorn", "-c", configuration, "-w", str(self.workers), "wsgi:app"]

    def take_log(self) -> str:
        """Return what the server has logged since the last call."""
        if not self.log_path.exists():
            return ""
        with open(self.log_path, "rb") as log:
            log.seek(self._log_taken)
            text = log.read()
        self._log_taken += len(text)
        return text.decode(errors="replace")

    def environment(self) -> dict[str, str]:
        """Return the server's environment: that of the tests, with this server's TRAINING_ settings only."""
        return {name: value for name, value in os.environ.items() if not name.startswith("TRAINING_")} | self.settings

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log_path.read_text(errors="replace")[-4000:]
        try:
            return requests.get(self.url + "/ping", timeout=5).ok
        except (requests.ConnectionError, requests.Timeout):
            return False  # Gunicorn listens before its workers can answer.

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server's main process."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """Send SIGKILL to the server and its workers. Trainings survive, because they run in sessions of their own."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def processes(self) -> list[psutil.Process]:
        """Return the main process and its children, which are the workers under gunicorn."""
        assert self.process is not None
        service = psutil.Process(self.process.pid)
        return [service, *service.children()]

    def stop(self) -> float:
        """Stop the server with SIGTERM and return how many seconds that took."""
        assert self.process is not None
        start_time = time.monotonic()
        self.process.terminate()
        self.process.wait(15)
        return time.monotonic() - start_time

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=60, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> requests.Response:
        return requests.post(self.url + path, json=json, timeout=60, **options)

    def patch(self, path: str, json: Any = None) -> requests.Response:
        return requests.patch(self.url + path, json=json, timeout=60)

    def delete(self, path: str, **options: Any) -> requests.Response:
        return requests.delete(self.url + path, timeout=60, **options)

    def start_run(self, config_name: str, **fields: Any) -> str:
        """Start a run and return its id."""
        with Client(self.url) as client:
            return str(client.start(config_name, **fields)["run_id"])

    def run(self, run_id: str) -> dict[str, Any]:
        with Client(self.url) as client:
            return client.run(run_id)

    def wait_for_state(self, run_id: str, *states: str, timeout_s: float = 30) -> dict[str, Any]:
        """Return the run once it is in one of the states."""
        with Client(self.url) as client:
            wait_until(lambda: client.run(run_id)["state"] in states, timeout_s, lambda: client.run(run_id))
            return client.run(run_id)

    def write_command(self, name: str, *argv: str, more: str = "") -> str:
        """Write a `command` experiment that runs a program of tests/programs, and return its file name.

        `more` holds further parameters of the command, such as `stop: {grace_s: 1}`.
        """
        program, *arguments = argv
        lines = [sys.executable, str(ROOT / "tests" / "programs" / program), *arguments]
        text = "command:\n  argv:\n" + "".join(f"    - '{line}'\n" for line in lines) + f"  {more}\n"
        (self.configs_dir / f"{name}.yaml").write_text(text, encoding="utf-8")
        return f"{name}.yaml"

    @contextmanager
    def client(self, **options: Any) -> Iterator[socketio.Client]:
        """Yield a connected Socket.IO client."""
        client = socketio.Client(websocket_extra_options=WITHOUT_UTF8_CHECK, **options)
        handle_in_order(client.eio)
        client.connect(self.url, namespaces=["/training"], transports=["websocket"], wait_timeout=JOIN_TIMEOUT_S)
        try:
            yield client
        finally:
            disconnect(client)


def handle_in_order(engine: engineio.Client) -> None:
    """Handle each message in the thread that reads it.

    python-engineio starts a thread for each one. They overtake each other, and reading goes on while they wait.
    """
    start = engine.start_background_task

    def start_unless_message(target: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if target is not engine.handlers.get("message"):
            return start(target, *arguments, **options)
        return target(*arguments)

    engine.start_background_task = start_unless_message


def disconnect(client: socketio.Client) -> None:
    """Disconnect a client, even while it reconnects. Its own `disconnect` does not stop an endless reconnection."""
    client.reconnection = False  # Do not reconnect from now on.
    while (reconnecting := client._reconnect_task) is not None and reconnecting.is_alive():
        client._reconnect_abort.set()  # Repeat: a reconnection that starts later clears the event.
        reconnecting.join(0.1)
    client.disconnect()  # The reconnection may have succeeded.
    if client.eio.ws is not None:
        client.eio.ws.shutdown()  # The library leaves its socket open when the server has reset the connection.


def _range_of_this_process() -> Iterator[int]:
    """Count through ports that neither Linux gives to connections, which are from 32768 on, nor another worker uses."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return count(10_000 + worker % 10 * 2_000 + os.getpid() % 1_000)


_ports = _range_of_this_process()


def free_port() -> int:
    """Return a port that nobody uses, not even for a connection before its server starts or between two starts."""
    while True:
        port = next(_ports)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
