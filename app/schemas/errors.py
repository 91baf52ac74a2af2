"""The one shape of every error, and what single calls add to it."""

from __future__ import annotations

from marshmallow import Schema, fields, validate


class ErrorSchema(Schema):
    """The one shape of every error."""

    code = fields.Integer(required=True, metadata={"description": "HTTP status code."})
    status = fields.String(required=True, metadata={"description": "HTTP status text, or what the call's table says."})
    message = fields.String(required=True, metadata={"description": "What was wrong and what would be right."})
    errors = fields.Dict(required=True, metadata={"description": "By field: what would be right."})


class RunActiveErrorSchema(ErrorSchema):
    status = fields.String(required=True, validate=validate.Equal("running"))
    pid = fields.Integer(required=True, allow_none=True, metadata={"description": "Of the training that runs."})
    run_id = fields.String(required=True, allow_none=True, metadata={"description": "Of the run that is active."})


class LaunchErrorSchema(ErrorSchema):
    status = fields.String(required=True, metadata={"description": "error: and the reason."})
    run_id = fields.String(
        allow_none=True, metadata={"description": "The run that is kept as failed; null: nothing of it is."}
    )


class MetricsErrorSchema(ErrorSchema):
    csv_file = fields.String(metadata={"description": "The file that cannot be read, if that is what was wrong."})


class DeletionErrorSchema(ErrorSchema):
    success = fields.Boolean(required=True, metadata={"description": "false"})
    error = fields.String(required=True, metadata={"description": "The same as `message`."})


class DeletionForbiddenSchema(ErrorSchema):
    success = fields.Boolean(metadata={"description": "false; only where the file system refused."})
    error = fields.String(metadata={"description": "The same as `message`; only where the file system refused."})
