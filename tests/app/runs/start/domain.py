"""A service in this process over empty folders, with real runners and programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.runs.executors.executor import Executor
from app.runs.filelock import SupervisorLock
from app.runs.queue.dispatcher import Dispatcher
from app.runs.queue.entry import Entry
from app.runs.start.datasets import DatasetFolder
from app.runs.start.experiments import ExperimentFolder
from app.runs.start.planner import Planner
from app.runs.start.preflight import Preflight
from app.runs.start.request import StartRequest
from app.runs.start.service import Checked, RunService, Started
from app.runs.start.stop import Stopped, Stops
from app.runs.store.run import Run
from app.runs.store.store import RunStore
from tests.app.runs.slots import executor_of, queue_of
from tests.servers import ROOT

WAIT_FOR_STOP = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("up", flush=True)
signal.pause()
"""


class Service:
    """A service over empty folders."""

    def __init__(
        self,
        home: Path,
        max_active: int = 1,
        gpus: tuple[str, ...] | None = None,
        executor: Executor | None = None,
        **options: Any,
    ) -> None:
        self.configs, self.data, self.runs = home / "configs", home / "data", home / "logs" / "runs"
        self.configs.mkdir(exist_ok=True)
        self.executor = executor or executor_of(self.runs, max_active, gpus)
        self.store = RunStore(self.runs, self.executor)
        self.queue = queue_of(self.store, self.executor.queue_advice)
        roots = options.pop("data_roots", ())
        preflight = Preflight(home / "logs" / "preflight", home / "logs" / "cache")
        folders = ExperimentFolder(self.configs), DatasetFolder(self.data)
        planner = Planner(self.store, self.executor, *folders, roots, preflight, ROOT)
        self._service = RunService(
            self.store, self.executor, self.queue, planner, **{"stop_grace_s": 10.0, "min_free_mb": 1, **options}
        )
        self._stops = Stops(self.store, self.executor, self.queue, 10.0)
        self.lock = SupervisorLock(home / "logs" / "supervisor.lock")
        self.dispatcher = self.dispatcher_with(self._service.obstacle)

    def dispatcher_with(self, obstacle: Callable[[Entry], str | None]) -> Dispatcher:
        return Dispatcher(self.queue, self.executor, obstacle, self._service.missing, self.lock, 0.05)

    @property
    def obstacle(self) -> Callable[[Entry], str | None]:
        return self._service.obstacle

    def request(self, request: StartRequest) -> Started:
        return self._service.start(request)

    def start(self, request: StartRequest) -> Run:
        return self._service.start(request).run

    def enqueue(self, request: StartRequest, priority: int = 0) -> Run:
        started = self._service.start(replace(request, queue=True, priority=priority))
        assert started.is_queued
        return started.run

    def check(self, request: StartRequest) -> Checked:
        return self._service.check(request)

    def stop(self, run_id: str | None, mode: str = "save") -> Stopped:
        return self._stops.stop(run_id, mode, True, "test")

    def cancel(self, run_id: str) -> None:
        self._stops.cancel(run_id, "test")

    def command(self, *argv: str, name: str = "program", **more: Any) -> StartRequest:
        (self.configs / f"{name}.yaml").write_text(json.dumps({"command": {"argv": list(argv), **more}}))
        return StartRequest(config_name=f"{name}.yaml")

    def python(self, code: str, **more: Any) -> StartRequest:
        return self.command(sys.executable, "-c", code.replace("{", "{{").replace("}", "}}"), **more)

    def images(self, name: str) -> str:
        folder = self.data / name
        (folder / "cat").mkdir(parents=True)
        (folder / "cat" / "1.png").write_bytes(b"")
        return str(folder)
