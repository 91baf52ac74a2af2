"""The objects of the domain, built from the settings. Views reach them through `domain()`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from flask import current_app

from app.installation import CODE_DIR
from app.runs import child
from app.runs.collect.runmetrics import RunMetrics
from app.runs.executors.executor import Executor
from app.runs.executors.local.executor import LocalExecutor
from app.runs.executors.local.gpus import find_gpus
from app.runs.executors.local.prewarm import Prewarm
from app.runs.executors.routing import RoutingExecutor
from app.runs.executors.slurm.commands import Commands
from app.runs.executors.slurm.executor import SlurmExecutor
from app.runs.filelock import SUPERVISOR, SupervisorLock
from app.runs.follow.supervisor import Supervisor
from app.runs.follow.system import SystemMonitor
from app.runs.follow.usage import UsageHistory
from app.runs.metrics.tables import Tables
from app.runs.models.folder import ModelFolder
from app.runs.notify.addresses import name_addresses
from app.runs.notify.notifier import Notifier
from app.runs.predictions.predictor import Predictor
from app.runs.queue.dispatcher import Dispatcher
from app.runs.queue.queue import QUEUE, Queue
from app.runs.retention.expiry import Expiry
from app.runs.retention.sizes import Sizes
from app.runs.retention.trash import TRASH, Trash
from app.runs.start.datasets import DatasetFolder
from app.runs.start.experiments import ExperimentFolder
from app.runs.start.planner import Planner
from app.runs.start.preflight import Preflight
from app.runs.start.preview import Previews
from app.runs.start.service import RunService
from app.runs.start.stop import Stops
from app.runs.store.store import RunStore
from app.runs.views.catalogue import Catalogue
from app.runs.views.runs import RunViews
from app.runs.views.status import Status
from app.settings import Settings
from trainer.rundir import GPUS_VARIABLE, cache_dir


@dataclass(frozen=True)
class Domain:
    store: RunStore
    service: RunService
    stops: Stops
    queue: Queue
    views: RunViews
    status: Status
    catalogue: Catalogue
    experiments: ExperimentFolder
    datasets: DatasetFolder
    preflight: Preflight
    previews: Previews
    models: ModelFolder
    predictor: Predictor
    metrics: RunMetrics
    usage: UsageHistory
    sizes: Sizes
    trash: Trash
    expiry: Expiry
    supervisor: Supervisor
    dispatcher: Dispatcher
    notifier: Notifier
    offload: Callable[[Callable[[], Any]], Any]
    """Call a function that computes for long, without blocking other clients."""


def build(
    settings: Settings,
    offload: Callable[[Callable[[], Any]], Any],
    make_lock: Callable[[], AbstractContextManager[object]],
) -> Domain:
    """`make_lock` makes a lock for the threads in which `offload` computes."""
    prewarm = Prewarm() if settings.prewarm and settings.executor == "local" else None
    executor = executor_of(settings, prewarm)
    store = RunStore(settings.runs_dir, executor, settings.link_roots)
    experiments = ExperimentFolder(settings.configs_dir)
    datasets = DatasetFolder(settings.data_dir)
    preflight = Preflight(settings.runs_dir.parent / "preflight", cache_dir(settings.runs_dir))
    folders = (experiments, datasets, settings.data_roots)
    planner = Planner(store, executor, *folders, preflight, home=settings.home, offload=offload)
    metrics = RunMetrics(settings.runs_dir.parent / "scraped")
    memory_mb = prewarm.memory_mb if prewarm is not None else lambda: None
    usage = UsageHistory(SystemMonitor(settings.runs_dir, executor.processes, memory_mb).measure)
    models, sizes = ModelFolder(store), Sizes(make_lock)
    trash = Trash(store, settings.runs_dir.parent / TRASH)
    lock = SupervisorLock(settings.runs_dir.parent / SUPERVISOR)
    queue = Queue(store, settings.runs_dir.parent / QUEUE, settings.poll_interval_s, executor.queue_advice)
    service = RunService(store, executor, queue, planner, settings.stop_grace_s, settings.min_free_mb)
    return Domain(
        store=store,
        service=service,
        stops=Stops(store, executor, queue, settings.stop_grace_s),
        queue=queue,
        views=RunViews(store, Tables(make_lock), metrics, models, sizes),
        status=Status(store, queue, metrics),
        catalogue=Catalogue(store, metrics, sizes),
        experiments=experiments,
        datasets=datasets,
        preflight=preflight,
        previews=Previews(),
        models=models,
        predictor=Predictor(),
        metrics=metrics,
        usage=usage,
        sizes=sizes,
        trash=trash,
        expiry=Expiry(trash, lock, offload),
        supervisor=Supervisor(store, executor, queue, metrics, lock, usage.measure, settings.poll_interval_s),
        notifier=Notifier(store, queue, metrics, lock, name_addresses(settings.notify), settings.public_url, offload),
        dispatcher=Dispatcher(queue, executor, service.obstacle, service.missing, lock, settings.poll_interval_s),
        offload=offload,
    )


def executor_of(settings: Settings, prewarm: Prewarm | None = None) -> Executor:
    """Return the executor for new runs, which also reaches active runs of the other one."""

    def local() -> Executor:
        gpus = find_gpus(settings.gpus, child.environment().get(GPUS_VARIABLE))
        return LocalExecutor(settings.runs_dir, settings.max_active or 1, gpus, prewarm)

    def slurm() -> Executor:
        commands = Commands(child.environment())
        return SlurmExecutor.connect(settings.runs_dir, commands, settings.slurm_options, CODE_DIR, settings.max_active)

    executors = {LocalExecutor.name: local, SlurmExecutor.name: slurm}
    current = executors.pop(settings.executor)()
    return RoutingExecutor(settings.runs_dir, current, executors)


def domain() -> Domain:
    """Return the domain of the app that handles the current request."""
    found: Domain = current_app.extensions["domain"]
    return found
