"""The resource `predictions`: what a model says about images of the client."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask import request
from werkzeug.datastructures import FileStorage

from app.access import changes_nothing
from app.domain import domain
from app.rest.api import BINARY, Blueprint
from app.runs.exceptions import InvalidPrediction, ModelUnusable, PredictionFailed
from app.runs.models.model import ONNX, Model
from app.runs.predictions.predictor import Image
from app.runs.temporary import temporary_folder
from app.schemas.predictions import PredictionAnswerSchema
from app.schemas.requests import PredictQuerySchema

MAX_UPLOAD_BYTES = 64 * 1024 * 1024
MAX_IMAGES = 32
IMAGES = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["image"],
                "properties": {
                    "image": {"type": "array", "items": BINARY, "minItems": 1, "maxItems": MAX_IMAGES},
                },
            }
        }
    },
}

blp = Blueprint("predictions", __name__, url_prefix="/training", description="Try a model on images.")


@blp.post("/models/<run_id>/predict")
@changes_nothing
@blp.arguments(PredictQuerySchema, location="query")
@blp.answers(200, PredictionAnswerSchema)
@blp.doc(requestBody=IMAGES)
@blp.errors(400, 404, 409, 413, 422, 500)
def predict(query: dict[str, Any], run_id: str) -> dict[str, Any]:
    """Classify images, sent as one or more `image` parts, each a file in any format that a dataset may have.

    At most 32 images, and 64 MiB in total. They are in the service's temporary folder until the answer.
    """
    models, predictor, offload = domain().models, domain().predictor, domain().offload
    model = offload(lambda: models.find(run_id, query["file"]))
    path = offload(lambda: _onnx_file(model, query["variant"]))
    sent = _images()
    with temporary_folder() as folder:
        images = offload(lambda: _save(sent, folder))
        answer = predictor.predict(path, images, query["top"], query["heatmap"])
    return {**answer, "is_tested": model.is_tested}


def _onnx_file(model: Model, variant: str | None) -> Path:
    """Raises FileNotInRun, ModelIncomplete and ModelUnusable."""
    file = next(iter(model.download(variant, keeps_name=True).files.values()))
    if file.path.suffix != ONNX:
        raise ModelUnusable(f"{file.name} is not an ONNX file")
    return file.path


def _images() -> Sequence[FileStorage]:
    """Return the images of the request. Raises InvalidPrediction, and werkzeug's RequestEntityTooLarge."""
    request.max_content_length = MAX_UPLOAD_BYTES
    images = request.files.getlist("image")
    if not images:
        raise InvalidPrediction("Send at least one image, as multipart/form-data with parts called image.")
    if len(images) > MAX_IMAGES:
        raise InvalidPrediction(f"Send at most {MAX_IMAGES} images at a time, not {len(images)}.")
    return images


def _save(sent: Sequence[FileStorage], folder: Path) -> list[Image]:
    """Images of the same name get a number, so that an error names each of them. Raises PredictionFailed."""
    images: dict[str, Path] = {}
    for place, file in enumerate(sent):
        name = file.filename or "image"
        while name in images:
            name += f" ({place + 1})"
        images[name] = folder / str(place)
        try:
            file.save(images[name])
        except OSError as error:
            raise PredictionFailed(f"the images cannot be stored in {folder.parent}: {error.strerror}") from error
    return [Image(name, path) for name, path in images.items()]
