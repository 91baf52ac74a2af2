"""The trained models."""

from __future__ import annotations

from typing import Any

from flask import Response, send_file

from app import schemas
from app.domain import domain
from app.errors import status_of
from app.extensions import Blueprint, error_body
from app.runs.exceptions import RunError

blp = Blueprint("models", __name__, url_prefix="/training", description="The trained models.")


@blp.get("/trained_models")
@blp.response(200, schemas.ModelPathsSchema)
@blp.errors()
def trained_models() -> dict[str, Any]:
    """List the absolute paths of the ONNX files, newest first."""
    return {"model_paths": [str(model.path) for model in domain().models.list()]}


@blp.get("/models")
@blp.response(200, schemas.ModelsSchema)
@blp.errors()
def models() -> dict[str, Any]:
    """List the model cards, newest first."""
    return {"models_info": [model.card for model in domain().models.list()]}


@blp.get("/models/<run_id>/download")
@blp.response(200, {"type": "string", "format": "binary"}, content_type="application/octet-stream")
@blp.errors(404)
def download(run_id: str) -> Response:
    """Download a run's ONNX file under the model's name."""
    model = domain().models.find(run_id)
    return send_file(
        model.path, mimetype="application/octet-stream", as_attachment=True, download_name=f"{model.name}.onnx"
    )


@blp.delete("/models/<run_id>")
@blp.response(200, schemas.DeletedSchema)
@blp.errors(404, 409)
def delete(run_id: str) -> Any:
    """Delete a run: its model, metrics, log and checkpoints."""
    try:
        domain().store.delete(run_id)
    except RunError as error:
        code = status_of(error)
        return error_body(code, str(error), success=False, error=str(error)), code
    return {"success": True, "error": None}
