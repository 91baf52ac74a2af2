"""Schemas of answers about one run."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from app.runs.store.states import STATES
from app.schemas.answers import ProgressSchema


class ArtifactSchema(Schema):
    path = fields.String(required=True)
    size = fields.Integer(required=True, metadata={"description": "Size in bytes."})
    modified_at = fields.String(required=True)


class ArtifactListSchema(Schema):
    run_id = fields.String(required=True)
    artifacts = fields.List(fields.Nested(ArtifactSchema), required=True)


class OnStopSchema(Schema):
    """What a stop does to the run. The start fixes it."""

    signal = fields.String(required=True, metadata={"description": "Signal to the program.", "example": "SIGTERM"})
    grace_s = fields.Float(required=True, metadata={"description": "Seconds from the signal to the kill."})
    saves = fields.Boolean(
        required=True,
        allow_none=True,
        metadata={"description": "Whether the program saves its work. null: only the program of the command knows."},
    )
    exports = fields.Boolean(
        required=True,
        allow_none=True,
        metadata={
            "description": "Whether the program exports its best model. null: only the program of the command knows."
        },
    )


class RunSchema(Schema):
    run_id = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    reason = fields.String(required=True, allow_none=True)
    pid = fields.Integer(required=True, allow_none=True)
    config_name = fields.String(required=True, allow_none=True)
    model_name = fields.String(required=True, allow_none=True)
    request = fields.Dict(required=True)
    created_at = fields.String(required=True, allow_none=True)
    started_at = fields.String(required=True, allow_none=True)
    ended_at = fields.String(required=True, allow_none=True)
    exit_code = fields.Integer(required=True, allow_none=True)
    signal = fields.String(required=True, allow_none=True)
    on_stop = fields.Nested(OnStopSchema, required=True, allow_none=True)
    progress = fields.Nested(ProgressSchema, required=True, allow_none=True)
    silent_s = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Seconds since an active run wrote its log, metrics or progress. null: not active."},
    )
    config = fields.Dict(required=True, allow_none=True)
    preflight = fields.Dict(
        required=True,
        allow_none=True,
        metadata={"description": "Report on the images from before the start, as in GET /training/datasets/{name}."},
    )
    stop = fields.Dict(required=True, allow_none=True)
    model = fields.Dict(required=True, allow_none=True, metadata={"description": "The model card. null: no model yet."})
    artifacts = fields.List(fields.Nested(ArtifactSchema), required=True)


class LogSchema(Schema):
    run_id = fields.String(required=True)
    offset = fields.Integer(required=True)
    next_offset = fields.Integer(required=True)
    size = fields.Integer(required=True)
    text = fields.String(required=True)


class LogMatchesSchema(Schema):
    run_id = fields.String(required=True)
    offset = fields.Integer(required=True)
    next_offset = fields.Integer(required=True, metadata={"description": "Where the next search continues."})
    size = fields.Integer(required=True, metadata={"description": "Size of the log in bytes."})
    lines = fields.List(
        fields.Integer(),
        required=True,
        metadata={"description": "Offsets of the first 10,000 matching lines: the byte at which each begins."},
    )
