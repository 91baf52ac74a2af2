"""The resource `trash`: deleted runs, which can be restored for a day."""

from __future__ import annotations

from typing import Any

from flask import Response

from app.domain import domain
from app.rest.api import Blueprint
from app.rest.encoding import offloaded
from app.schemas.models import DeletedSchema
from app.schemas.trash import EmptiedSchema, RestoredSchema, TrashSchema

blp = Blueprint(
    "trash", __name__, url_prefix="/training/trash", description="Deleted runs, which can be restored for a day."
)


@blp.get("")
@blp.answers(200, TrashSchema)
@blp.errors()
def list_trash() -> Response:
    """List the runs in the trash, the one deleted last first."""
    trash, sizes = domain().trash, domain().sizes
    return offloaded(lambda: {"runs": trash.describe(sizes)})


@blp.post("/<run_id>/restore")
@blp.answers(200, RestoredSchema)
@blp.errors(404, 409)
def restore_run(run_id: str) -> dict[str, Any]:
    """Move a run out of the trash. Of several with the same id, restore the one deleted last."""
    trash, offload = domain().trash, domain().offload
    offload(lambda: trash.restore(run_id))
    return {"run_id": run_id}


@blp.delete("/<run_id>")
@blp.answers(200, DeletedSchema)
@blp.errors(404)
def delete_trashed_run(run_id: str) -> dict[str, Any]:
    """Delete a run in the trash for good."""
    trash, offload = domain().trash, domain().offload
    offload(lambda: trash.delete(run_id))
    return {"success": True, "error": None}


@blp.delete("")
@blp.answers(200, EmptiedSchema)
@blp.errors()
def empty_trash() -> dict[str, Any]:
    """Delete all runs in the trash for good."""
    trash, offload = domain().trash, domain().offload
    return {"num_deleted": offload(trash.empty)}
