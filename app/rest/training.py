"""The resource `training`: start and stop runs, the status, and the experiments and datasets to choose from."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Response, g, request

from app.access import changes_nothing
from app.domain import domain
from app.rest.api import Blueprint
from app.rest.encoding import offloaded
from app.rest.errors import status_of
from app.runs.exceptions import PreviewFailed
from app.runs.start.parameters import list_parameters
from app.runs.start.request import StartRequest
from app.schemas.answers import ConfigsSchema, GrantSchema, ServiceStatusSchema, StartedSchema, StoppedSchema
from app.schemas.choices import CheckedSchema, ParameterListSchema, PreviewSchema
from app.schemas.datasets import DatasetListSchema, DatasetReportSchema
from app.schemas.errors import LaunchErrorSchema, RunActiveErrorSchema
from app.schemas.queue import QueuedSchema
from app.schemas.requests import (
    DatasetQuerySchema,
    ParametersQuerySchema,
    PreviewQuerySchema,
    StartRequestSchema,
    StopQuerySchema,
    StopRequestSchema,
)
from app.schemas.usage import MachineUsageSchema
from trainer.experiment import experiment

CHECK_WAIT_S = 5.0
"""How long a request waits for a dataset's report. After that it returns how far the check has come."""

blp = Blueprint("training", __name__, url_prefix="/training", description="Start, stop and follow a training.")


@blp.post("/start")
@blp.arguments(StartRequestSchema)
@blp.answers(200, StartedSchema)
@blp.answers(202, QueuedSchema, "The run waits in the queue.")
@blp.errors(400, 404, 413, 422, 507, shapes={409: RunActiveErrorSchema, 500: LaunchErrorSchema})
def start_run(asked: StartRequest) -> Any:
    """Start a training run. Return once its program is running or, with `queue`, once the run waits in the queue."""
    started = domain().service.start(asked)
    run_id = started.run.run_id
    if started.is_queued:
        return {"status": "queued", "run_id": run_id, "position": started.position}, 202
    return {"status": "started", "pid": started.run.record.get("pid"), "run_id": run_id}


@blp.post("/check")
@changes_nothing
@blp.arguments(StartRequestSchema)
@blp.answers(200, CheckedSchema)
@blp.errors(400, 404, 413, 422)
def check_start(asked: StartRequest) -> dict[str, Any]:
    """Check a start request without starting anything.

    The check leaves out what takes long: the content of the images, and whether the network can be built.
    """
    checked = domain().service.check(asked)
    plan = checked.plan
    return {
        "request": asdict(plan.request),
        "experiment": experiment.dump(plan.experiment),
        "obstacles": [{"code": status_of(error), "message": str(error)} for error in checked.obstacles],
    }


@blp.post("/stop")
@blp.arguments(StopRequestSchema, required=False)
@blp.arguments(StopQuerySchema, location="query")
@blp.answers(200, StoppedSchema)
@blp.answers(202, StoppedSchema, "The run was asked to stop (wait=0).")
@blp.errors(400, 409, 413, 422)
def stop_run(asked: dict[str, Any], query: dict[str, Any]) -> Any:
    """Stop an active run, or remove a queued one from the queue.

    Return once none of its processes is left, or immediately with wait=0.
    """
    stopped = domain().stops.stop(asked["run_id"], asked["mode"], query["wait"], f"REST {request.remote_addr}")
    body = {"status": stopped.status, "run_id": stopped.run_id}
    return body, 202 if stopped.status == "stopping" else 200


@blp.get("/status")
@blp.answers(200, ServiceStatusSchema)
@blp.errors()
def get_status() -> dict[str, Any]:
    """Return what is running, and how the last run ended."""
    return domain().status.describe()


@blp.get("/access")
@blp.answers(200, GrantSchema)
@blp.errors()
def get_access() -> dict[str, str]:
    """Return what the token of this request allows: everything, or only reading."""
    return {"access": g.access}


@blp.get("/system")
@blp.answers(200, MachineUsageSchema)
@blp.errors()
def get_usage() -> dict[str, Any]:
    """Show how busy the machine was in the last ten minutes."""
    return domain().usage.describe()


@blp.get("/configs")
@blp.answers(200, ConfigsSchema)
@blp.errors()
def list_configs() -> Response:
    """List the experiments, and what is wrong with those that are not valid."""
    experiments = domain().experiments
    return offloaded(lambda: {"available_configs": experiments.names(), "problems": experiments.problems()})


@blp.get("/configs/<name>")
@blp.answers(200, {"type": "object", "additionalProperties": {}})
@blp.errors(404, 422)
def get_config(name: str) -> Response:
    """Return an experiment with its defaults filled in, or a 422 with its errors by key."""
    return offloaded(domain().experiments.describe, name)


@blp.get("/parameters")
@blp.arguments(ParametersQuerySchema, location="query")
@blp.answers(200, ParameterListSchema)
@blp.errors(404, 422)
def get_parameters(query: dict[str, Any]) -> Response:
    """Describe every parameter that a start may override: of our trainer, of an experiment, or of a run to resume."""
    experiments, store = domain().experiments, domain().store
    return offloaded(lambda: {"parameters": list_parameters(experiments, store, **query)})


@blp.get("/datasets")
@blp.answers(200, DatasetListSchema)
@blp.errors()
def list_datasets() -> Response:
    """List the datasets in the data folder, each with its splits and classes, or with its problem."""
    datasets = domain().datasets
    return offloaded(lambda: {"datasets": datasets.describe()})  # Counting images takes long.


@blp.get("/datasets/<name>")
@blp.arguments(DatasetQuerySchema, location="query")
@blp.answers(200, DatasetReportSchema)
@blp.answers(202, DatasetReportSchema, "The check is still running. This is the report so far.")
@blp.errors(404, 422)
def get_dataset(query: dict[str, Any], name: str) -> Any:
    """Check a dataset's images, and report what prevents a training or may harm its result.

    The report is cached until the name, size or modification time of a file changes.
    """
    datasets, offload = domain().datasets, domain().offload
    report = domain().preflight.check(offload(lambda: datasets.find(name)), CHECK_WAIT_S if query["wait"] else 0)
    return {"dataset_name": name, **report}, 202 if report["status"] == "checking" else 200


@blp.get("/datasets/<name>/preview")
@blp.arguments(PreviewQuerySchema, location="query")
@blp.answers(200, PreviewSchema)
@blp.errors(404, 422)
def preview_dataset(query: dict[str, Any], name: str) -> dict[str, Any]:
    """Return thumbnails of some images of each class, as PNG data URLs."""
    datasets, offload = domain().datasets, domain().offload
    layout = offload(lambda: datasets.layout(name))
    folder = layout.folders.get(query["split"])
    if folder is None:
        raise PreviewFailed(name, layout.problem or f"it has no {query['split']} folder")
    shown = domain().previews.make(name, folder, query["per_class"])
    return {"dataset_name": name, "split": query["split"], **shown}
