"""Schemas of answers about the trash."""

from __future__ import annotations

from app.runs.store.states import STATES
from app.schemas import fields
from app.schemas.fields import Schema


class TrashedRunSchema(Schema):
    run_id = fields.string()
    title = fields.string("null: it has no title.", allow_none=True)
    state = fields.string(one_of=STATES)
    config_name = fields.string(allow_none=True)
    model_name = fields.string(allow_none=True)
    created_at = fields.string(allow_none=True)
    deleted_at = fields.string("UTC, ISO 8601.")
    expires_at = fields.string("When the run is deleted for good. UTC, ISO 8601.")
    size_bytes = fields.size()


class TrashSchema(Schema):
    runs = fields.array(TrashedRunSchema, "The run that was deleted last comes first.")


class RestoredSchema(Schema):
    run_id = fields.string()


class EmptiedSchema(Schema):
    num_deleted = fields.integer("How many runs were deleted for good.")
