"""The resource `runs`: one run in full, with its log, its report and its files."""

from __future__ import annotations

from typing import Any

from flask import Response

from app.domain import domain
from app.rest.api import Blueprint
from app.rest.downloads import send
from app.rest.encoding import offloaded
from app.runs.exceptions import ReportUnreadable
from app.runs.views.artifacts import find_artifact
from app.schemas.notes import NotesSchema
from app.schemas.report import ReportSchema
from app.schemas.requests import LogQuerySchema, LogSearchQuerySchema
from app.schemas.runs import ArtifactListSchema, LogMatchesSchema, LogSchema, RunSchema
from app.schemas.usage import RunUsageSchema

blp = Blueprint("runs", __name__, url_prefix="/training/runs", description="One run in full.")


@blp.get("/<run_id>")
@blp.answers(200, RunSchema)
@blp.errors(404)
def get_run(run_id: str) -> Response:
    """Return everything known about a run."""
    return _describe(run_id)


@blp.patch("/<run_id>")
@blp.arguments(NotesSchema)
@blp.answers(200, RunSchema)
@blp.errors(400, 403, 404, 409, 413, 422, 507)
def change_notes(asked: dict[str, Any], run_id: str) -> Response:
    """Change the title, the note or the tags of a run, and return the run. null removes a title or note.

    Followers of the run get the event `run`. A folder that the service did not create is refused (409), and so is a
    change of what is not `expected`: `errors` then has the present values.
    """
    views, offload = domain().views, domain().offload
    expected = asked.pop("expected", {})
    offload(lambda: views.change_notes(run_id, asked, expected))
    return _describe(run_id)


@blp.get("/<run_id>/log")
@blp.arguments(LogQuerySchema, location="query")
@blp.answers(200, LogSchema)
@blp.errors(404, 422)
def get_log(query: dict[str, Any], run_id: str) -> Response:
    """Return a chunk of the log. The next chunk starts at `next_offset`."""
    return offloaded(domain().views.log, run_id, **query)


@blp.get("/<run_id>/log/search")
@blp.arguments(LogSearchQuerySchema, location="query")
@blp.answers(200, LogMatchesSchema)
@blp.errors(404, 422)
def search_log(query: dict[str, Any], run_id: str) -> Response:
    """Search a chunk of the log for a text. Continue at `next_offset` until it equals `size`."""
    return offloaded(domain().views.search_log, run_id, **query)


@blp.get("/<run_id>/usage")
@blp.answers(200, RunUsageSchema)
@blp.errors(404)
def get_run_usage(run_id: str) -> Response:
    """Return what the run's processes and GPUs used from its start to its end, as in usage.csv."""
    return offloaded(domain().views.usage, run_id)


@blp.get("/<run_id>/report")
@blp.answers(200, ReportSchema)
@blp.errors(404, 422)
def get_report(run_id: str) -> Response:
    """Return the report on the model: how good it is on the test images. Its pictures are artifacts of the run."""
    views = domain().views
    return offloaded(lambda: _checked(run_id, views.report(run_id)))


@blp.get("/<run_id>/artifacts")
@blp.answers(200, ArtifactListSchema)
@blp.errors(404)
def list_artifacts(run_id: str) -> Response:
    """List the run's files, the first 10,000 of them."""
    views = domain().views
    return offloaded(lambda: {"run_id": run_id, "artifacts": views.artifacts(run_id)})


@blp.get("/<run_id>/artifacts/<path:path>")
@blp.downloads
@blp.errors(404, 412, 416)
def download_artifact(run_id: str, path: str) -> Response:
    """Download one of the run's files."""
    file = find_artifact(domain().store.find(run_id).directory, path)
    return send(file, file.name)


def _describe(run_id: str) -> Response:
    views, queue, obstacle = domain().views, domain().queue, domain().service.obstacle
    return offloaded(lambda: views.describe(run_id) | {"queue": queue.describe_run(run_id, obstacle)})


def _checked(run_id: str, report: dict[str, Any]) -> dict[str, Any]:
    """Return a report that has all that clients are promised. Raises ReportUnreadable for any other."""
    if errors := ReportSchema().validate(report):
        raise ReportUnreadable(run_id, errors)
    return report
