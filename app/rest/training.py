"""Start, stop and status of the training; the experiments and datasets to choose from."""

from __future__ import annotations

from typing import Any

from flask import request

from app import schemas
from app.domain import domain
from app.rest.api import Blueprint
from app.rest.errors import status_of
from app.runs.exceptions import PreviewFailed
from app.runs.start.planner import StartRequest
from trainer.experiment import experiment
from trainer.experiment.describe import describe_parameters

CHECK_WAIT_S = 5.0
"""How long a dataset's report is waited for; a client has its answer by then, if only how far the check has come."""

blp = Blueprint("training", __name__, url_prefix="/training", description="Start, stop and follow a training.")


@blp.post("/start")
@blp.arguments(schemas.StartRequestSchema)
@blp.answers(200, schemas.StartedSchema)
@blp.errors(400, 404, 413, 422, 507, shapes={409: schemas.RunActiveErrorSchema, 500: schemas.LaunchErrorSchema})
def start_run(asked: StartRequest) -> dict[str, Any]:
    """Start a training run. Answers when its program is running."""
    run = domain().service.start(asked)
    return {"status": "started", "pid": run.record.get("pid"), "run_id": run.run_id}


@blp.post("/check")
@blp.arguments(schemas.StartRequestSchema)
@blp.answers(200, schemas.CheckedSchema)
@blp.errors(400, 404, 413, 422)
def check_start(asked: StartRequest) -> dict[str, Any]:
    """Tell what a start with this body would begin with, or why it would be refused.

    What takes long to know is left to the start: the content of the images, and whether the network can be built.
    """
    checked = domain().service.check(asked)
    plan = checked.plan
    return {
        "request": plan.request,
        "experiment": experiment.dump(plan.experiment),
        "obstacles": [{"code": status_of(error), "message": str(error)} for error in checked.obstacles],
    }


@blp.post("/stop")
@blp.arguments(schemas.StopRequestSchema, required=False)
@blp.arguments(schemas.StopQuerySchema, location="query")
@blp.answers(200, schemas.StoppedSchema)
@blp.answers(202, schemas.StoppedSchema, "Asked to stop; with wait=0.")
@blp.errors(400, 409, 413, 422)
def stop_run(asked: dict[str, Any], query: dict[str, Any]) -> Any:
    """Stop the active run. Answers when no process of it is left, unless wait=0."""
    stopped = domain().service.stop(asked["run_id"], asked["mode"], query["wait"], f"REST {request.remote_addr}")
    body = {"status": stopped.status, "run_id": stopped.run_id}
    return body, 202 if stopped.status == "stopping" else 200


@blp.get("/status")
@blp.answers(200, schemas.ServiceStatusSchema)
@blp.errors()
def get_status() -> dict[str, Any]:
    """Tell what runs now, and how the last run ended."""
    return domain().status.describe()


@blp.get("/system")
@blp.answers(200, schemas.UsageSchema)
@blp.errors()
def get_usage() -> dict[str, Any]:
    """Show how busy the machine was in the last ten minutes."""
    return domain().usage.describe()


@blp.get("/configs")
@blp.answers(200, schemas.ConfigsSchema)
@blp.errors()
def list_configs() -> dict[str, Any]:
    """List the experiments."""
    return {"available_configs": domain().experiments.names()}


@blp.get("/configs/<name>")
@blp.answers(200, {"type": "object", "additionalProperties": {}})
@blp.errors(404, 422)
def get_config(name: str) -> dict[str, Any]:
    """Show an experiment with its defaults filled in; an invalid one is a 422 with its errors by key."""
    return domain().experiments.describe(name)


@blp.get("/parameters")
@blp.answers(200, schemas.ParameterListSchema)
@blp.errors()
def list_parameters() -> dict[str, Any]:
    """Describe every parameter of an experiment that a start may override."""
    return {"parameters": describe_parameters()}


@blp.get("/datasets")
@blp.answers(200, schemas.DatasetListSchema)
@blp.errors()
def list_datasets() -> dict[str, Any]:
    """List the folders in the data folder, each with its splits and classes, or with what is wrong with it."""
    return {"datasets": domain().offload(domain().datasets.describe)}  # Counting images takes long.


@blp.get("/datasets/<name>")
@blp.arguments(schemas.DatasetQuerySchema, location="query")
@blp.answers(200, schemas.DatasetReportSchema)
@blp.answers(202, schemas.DatasetReportSchema, "Still being checked: what is known so far.")
@blp.errors(404, 422)
def get_dataset(query: dict[str, Any], name: str) -> Any:
    """Check a dataset's images, and tell what keeps a training from them or may spoil its result.

    The report is kept until a file's name, size or time of change is another.
    """
    report = domain().preflight.check(domain().datasets.find(name), CHECK_WAIT_S if query["wait"] else 0)
    return {"dataset_name": name, **report}, 202 if report["status"] == "checking" else 200


@blp.get("/datasets/<name>/preview")
@blp.arguments(schemas.PreviewQuerySchema, location="query")
@blp.answers(200, schemas.PreviewSchema)
@blp.errors(404, 422)
def preview_dataset(query: dict[str, Any], name: str) -> dict[str, Any]:
    """Show some of a dataset's images of each class, as small PNG files inside of the answer."""
    layout = domain().datasets.layout(name)
    folder = layout.folders.get(query["split"])
    if folder is None:
        raise PreviewFailed(name, layout.problem or f"it has no {query['split']} folder")
    shown = domain().previews.make(name, folder, query["per_class"])
    return {"dataset_name": name, "split": query["split"], **shown}
