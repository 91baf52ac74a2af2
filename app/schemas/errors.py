"""Schema of every error, and the fields that some calls add."""

from __future__ import annotations

from app.schemas import fields
from app.schemas.fields import Schema


class ErrorSchema(Schema):
    """The shape of every error."""

    code = fields.integer("HTTP status code.")
    status = fields.string("HTTP status text, or a text that the call documents.")
    message = fields.string("What is wrong and what would be right.")
    errors = fields.mapping(
        fields.array(fields.string()),
        "What would be right, by field. A dotted path names a field inside another.",
        example={"overrides.trainer.max_epochs": ["must be from 1 to 100,000"]},
    )


class RunActiveErrorSchema(ErrorSchema):
    status = fields.string("queued: no run may start before those in the queue.", one_of=["running", "queued"])
    pid = fields.integer("Process id of the program of the active run that started last.", allow_none=True)
    run_id = fields.string("Id of the active run that started last, or of the first queued run.", allow_none=True)


class LaunchErrorSchema(ErrorSchema):
    status = fields.string("`error: ` and the reason.")
    run_id = fields.string("Id of the failed run. null: the run left no directory.", optional=True)


class MetricsErrorSchema(ErrorSchema):
    error = fields.string("Same as `message`.")
    csv_file = fields.string("The unreadable file, if that is the problem.", required=False)


class DeletionErrorSchema(ErrorSchema):
    success = fields.boolean("Always false.")
    error = fields.string("Same as `message`.")


class DeletionForbiddenSchema(ErrorSchema):
    success = fields.boolean("false, if the file system refused. Else absent.", required=False)
    error = fields.string("Same as `message`, if the file system refused. Else absent.", required=False)
