"""The form of answers about one run."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from app.runs.store.states import STATES
from app.schemas.answers import ProgressSchema


class ArtifactSchema(Schema):
    path = fields.String(required=True)
    size = fields.Integer(required=True, metadata={"description": "Bytes."})
    modified_at = fields.String(required=True)


class ArtifactListSchema(Schema):
    run_id = fields.String(required=True)
    artifacts = fields.List(fields.Nested(ArtifactSchema), required=True)


class OnStopSchema(Schema):
    """What a stop of the run does, as fixed at its start."""

    signal = fields.String(required=True, metadata={"description": "What the program gets.", "example": "SIGTERM"})
    grace_s = fields.Float(required=True, metadata={"description": "Seconds from the signal to the kill."})
    saves = fields.Boolean(
        required=True,
        allow_none=True,
        metadata={"description": "Whether the program keeps its work. null: only the program of a command knows."},
    )
    exports = fields.Boolean(
        required=True,
        allow_none=True,
        metadata={"description": "Whether it exports its best model so far. null: only the program knows."},
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
        metadata={
            "description": "Seconds since the log, metrics or progress of an active run changed last. It may be stuck."
        },
    )
    config = fields.Dict(required=True, allow_none=True)
    preflight = fields.Dict(
        required=True,
        allow_none=True,
        metadata={"description": "What was found of the images before the start, as GET /training/datasets/{name}."},
    )
    stop = fields.Dict(required=True, allow_none=True)
    model = fields.Dict(required=True, allow_none=True, metadata={"description": "The model card, once there is one."})
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
    next_offset = fields.Integer(required=True, metadata={"description": "Where a next search goes on."})
    size = fields.Integer(required=True, metadata={"description": "Of the log, in bytes."})
    lines = fields.List(
        fields.Integer(),
        required=True,
        metadata={
            "description": "Byte at which each line that holds the text begins, the first 10,000 of the stretch."
        },
    )
