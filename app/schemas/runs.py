"""Schemas of answers about one run."""

from __future__ import annotations

from marshmallow import INCLUDE

from app.runs.start.stop import MODES
from app.runs.store.states import STATES
from app.schemas import fields
from app.schemas.answers import ProgressSchema
from app.schemas.datasets import PreflightSchema
from app.schemas.fields import Schema
from app.schemas.models import ModelCardSchema
from app.schemas.queue import QueuedRunSchema


class ArtifactSchema(Schema):
    path = fields.string()
    size = fields.integer("Size in bytes.")
    modified_at = fields.string()


class ArtifactListSchema(Schema):
    run_id = fields.string()
    artifacts = fields.array(ArtifactSchema)


class OnStopSchema(Schema):
    """What a stop does to the run. The start fixes it."""

    signal = fields.string("Signal to the program.", example="SIGTERM")
    grace_s = fields.number("Seconds from the signal to the kill.")
    saves = fields.boolean(
        "Whether the program saves its work. null: only the program of the command knows.", allow_none=True
    )
    exports = fields.boolean(
        "Whether the program exports its best model. null: only the program of the command knows.", allow_none=True
    )


class RunRequestSchema(Schema):
    """A request for a run, with all defaults. Runs of earlier versions lack some fields."""

    class Meta:
        unknown = INCLUDE

    config_name = fields.string(optional=True)
    train_data_dir = fields.string(optional=True)
    val_data_dir = fields.string(optional=True)
    test_data_dir = fields.string(optional=True)
    dataset = fields.string(optional=True)
    model_name = fields.string(optional=True)
    overrides = fields.mapping(about="Parameters by dotted path.", optional=True)
    resume_from = fields.string("Id or path of the run that was resumed.", optional=True)
    gpus = fields.integer("null: the experiment says.", optional=True)


class GitSchema(Schema):
    """The commit that was checked out in the program's folder."""

    commit = fields.string()
    branch = fields.string("null: no branch is checked out.", allow_none=True)
    num_changed = fields.integer(
        "Tracked files that differ from the commit. null: git took too long to compare, or the repository has filters "
        "of its own, which are not executed.",
        allow_none=True,
    )


class OriginSchema(Schema):
    """The program of the run, and where it came from, as known at the start."""

    argv = fields.array(fields.string(), "The command line.", allow_none=True)
    cwd = fields.string("The folder in which the program starts.", allow_none=True)
    host = fields.string("The machine of the service.", allow_none=True)
    git = fields.nested(GitSchema, "null: the folder is in no repository, or git did not answer.", allow_none=True)
    python = fields.string("null: the program of a command, whose version only it knows.", allow_none=True)
    packages = fields.mapping(
        fields.string(), "Versions of the packages of our own trainer. null: a command.", allow_none=True
    )
    gpu_driver = fields.string("Version of NVIDIA's driver on the machine of the service.", allow_none=True)


class StopSchema(Schema):
    """Who asked for the run's stop, and how."""

    class Meta:
        unknown = INCLUDE

    requested_by = fields.string(optional=True)
    requested_at = fields.string("UTC, ISO 8601.", optional=True)
    mode = fields.string(one_of=MODES, optional=True)
    grace_s = fields.number("Seconds from the signal to the kill.", optional=True)


class RunSchema(Schema):
    run_id = fields.string()
    title = fields.string("The title that a user gave the run.", allow_none=True)
    note = fields.string("The note that a user wrote about the run.", allow_none=True)
    tags = fields.array(fields.string())
    state = fields.string(one_of=STATES)
    reason = fields.string(allow_none=True)
    pid = fields.integer(allow_none=True)
    node = fields.string("The machine on which the run began. null: it has not begun.", allow_none=True)
    gpus = fields.array(
        fields.string(), "The GPUs that the program sees, by UUID or index. null: all that exist.", allow_none=True
    )
    config_name = fields.string(allow_none=True)
    model_name = fields.string(allow_none=True)
    request = fields.nested(RunRequestSchema)
    created_at = fields.string(allow_none=True)
    started_at = fields.string(allow_none=True)
    ended_at = fields.string(allow_none=True)
    exit_code = fields.integer(allow_none=True)
    signal = fields.string(allow_none=True)
    on_stop = fields.nested(OnStopSchema, allow_none=True)
    progress = fields.nested(ProgressSchema, allow_none=True)
    origin = fields.nested(OriginSchema, "null: a folder that this service did not create.", allow_none=True)
    parameters = fields.mapping(
        about="The values of the command's parameters, by name. null: our own training program.", allow_none=True
    )
    can_resume = fields.boolean("Whether another run can resume from this one.")
    silent_s = fields.number(
        "Seconds since an active run wrote its log, metrics or progress. null: not active.", allow_none=True
    )
    config = fields.mapping(about="The experiment with all defaults and overrides.", allow_none=True)
    preflight = fields.nested(
        PreflightSchema, "What the check of the images found before the start. null: no images.", allow_none=True
    )
    stop = fields.nested(StopSchema, "null: no stop was requested.", allow_none=True)
    model = fields.nested(ModelCardSchema, "The first of `models`. null: no model yet.", allow_none=True)
    models = fields.array(ModelCardSchema, "The cards of the run's models.")
    usage_problem = fields.string("Why the run has no usage. null: it has some.", allow_none=True)
    size_bytes = fields.size()
    artifacts = fields.array(ArtifactSchema)
    queue = fields.nested(QueuedRunSchema, "Its place in the queue. null: it does not wait.", allow_none=True)


class LogSchema(Schema):
    run_id = fields.string()
    offset = fields.integer()
    next_offset = fields.integer()
    size = fields.integer()
    text = fields.string()


class LogMatchesSchema(Schema):
    run_id = fields.string()
    offset = fields.integer()
    next_offset = fields.integer("Where the next search continues.")
    size = fields.integer("Size of the log in bytes.")
    lines = fields.array(fields.integer(), "Offsets of the first 10,000 matching lines: the byte at which each begins.")
