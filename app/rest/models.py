"""The resource `models`: model cards, downloads and deletion."""

from __future__ import annotations

from typing import Any

from flask import Response

from app.domain import domain
from app.problems import error_body
from app.rest.api import BINARY, Blueprint
from app.rest.downloads import send_model
from app.rest.encoding import encode_each
from app.rest.errors import status_of
from app.runs.exceptions import RunError
from app.schemas.errors import DeletionErrorSchema, DeletionForbiddenSchema
from app.schemas.models import DeletedSchema, ModelPathListSchema, ModelsSchema
from app.schemas.requests import DeletionQuerySchema, ModelQuerySchema, PageQuerySchema

blp = Blueprint("models", __name__, url_prefix="/training", description="The trained models.")


@blp.get("/trained_models")
@blp.arguments(PageQuerySchema, location="query")
@blp.answers(200, ModelPathListSchema)
@blp.errors(422)
def list_model_paths(query: dict[str, Any]) -> dict[str, Any]:
    """List the absolute paths of the complete ONNX files, newest run first.

    A page shorter than its limit is the last one.
    """
    models, offload = domain().models, domain().offload
    return {"model_paths": offload(lambda: [str(model.file) for model in models.list(**query, only_onnx=True)])}


@blp.get("/models")
@blp.arguments(PageQuerySchema, location="query")
@blp.answers(200, ModelsSchema)
@blp.errors(422)
def list_models(query: dict[str, Any]) -> Response:
    """List the model cards, newest run first. A page shorter than its limit is the last one.

    A run of a command has a card for each of its models. The first one of a run is downloaded without `file`.
    """
    models, offload = domain().models, domain().offload
    cards = offload(lambda: encode_each(model.card() for model in models.list(**query)))
    return Response(f'{{"models_info": {cards}}}', mimetype="application/json")


@blp.get("/models/<run_id>/download")
@blp.arguments(ModelQuerySchema, location="query")
@blp.downloads
@blp.answers(200, BINARY, content_type="application/zip")
@blp.errors(404, 409, 412, 416, 422)
def download_model(query: dict[str, Any], run_id: str) -> Response:
    """Download a run's ONNX file, or a variant of it, named after the model.

    A model with external data is sent as a zip archive. `file` chooses another model of the run. While the run is
    active, a file that its program writes is refused (409). If the file changes later, the connection breaks.
    """
    models, offload = domain().models, domain().offload
    return send_model(offload(lambda: models.download(run_id, **query)))


@blp.delete("/models/<run_id>")
@blp.arguments(DeletionQuerySchema, location="query")
@blp.answers(200, DeletedSchema)
@blp.errors(422, shapes={403: DeletionForbiddenSchema, **dict.fromkeys((404, 409), DeletionErrorSchema)})
def delete_run(query: dict[str, Any], run_id: str) -> Any:
    """Delete a run with its model, metrics, log and checkpoints. With trash=1 it can be restored for a day."""
    delete = domain().trash.put if query["trash"] else domain().store.delete
    metrics, offload = domain().metrics, domain().offload
    try:
        offload(lambda: delete(run_id))
        offload(lambda: metrics.forget(run_id))
    except RunError as error:
        code = status_of(error)
        return error_body(code, str(error), success=False, error=str(error)), code
    return {"success": True, "error": None}
