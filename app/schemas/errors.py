"""Schema of every error, and the fields that some calls add."""

from __future__ import annotations

from marshmallow import Schema, fields, validate


class ErrorSchema(Schema):
    """The shape of every error."""

    code = fields.Integer(required=True, metadata={"description": "HTTP status code."})
    status = fields.String(
        required=True, metadata={"description": "HTTP status text, or a text that the call documents."}
    )
    message = fields.String(required=True, metadata={"description": "What is wrong and what would be right."})
    errors = fields.Dict(required=True, metadata={"description": "What would be right, by field."})


class RunActiveErrorSchema(ErrorSchema):
    status = fields.String(required=True, validate=validate.Equal("running"))
    pid = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Process id of the active run's program."}
    )
    run_id = fields.String(required=True, allow_none=True, metadata={"description": "Id of the active run."})


class LaunchErrorSchema(ErrorSchema):
    status = fields.String(required=True, metadata={"description": "`error: ` and the reason."})
    run_id = fields.String(
        allow_none=True, metadata={"description": "Id of the failed run. null: the run left no directory."}
    )


class MetricsErrorSchema(ErrorSchema):
    csv_file = fields.String(metadata={"description": "The unreadable file, if that is the problem."})


class DeletionErrorSchema(ErrorSchema):
    success = fields.Boolean(required=True, metadata={"description": "Always false."})
    error = fields.String(required=True, metadata={"description": "Same as `message`."})


class DeletionForbiddenSchema(ErrorSchema):
    success = fields.Boolean(metadata={"description": "false, if the file system refused. Else absent."})
    error = fields.String(metadata={"description": "Same as `message`, if the file system refused. Else absent."})
