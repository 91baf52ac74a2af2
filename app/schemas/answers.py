"""Schemas of answers about the service: the active run, the experiments."""

from __future__ import annotations

from marshmallow import INCLUDE

from app.runs.store.states import STATES
from app.schemas import fields
from app.schemas.fields import Schema


class PingSchema(Schema):
    status = fields.string(one_of=["ok"])


class GrantSchema(Schema):
    access = fields.string("read: the token can see everything and change nothing.", one_of=["full", "read"])


class StartedSchema(Schema):
    status = fields.string(one_of=["started"])
    pid = fields.integer("Process id of the training program.", allow_none=True)
    run_id = fields.string()


class StoppedSchema(Schema):
    status = fields.string(one_of=["stopped", "stopping", "not_running"])
    run_id = fields.string("null: no run was active.", allow_none=True)


class LastRunSchema(Schema):
    run_id = fields.string()
    state = fields.string(one_of=STATES)
    reason = fields.string(allow_none=True)


class ProgressSchema(Schema):
    """How far a run is. The program of a `command` may leave out fields."""

    class Meta:
        unknown = INCLUDE

    source = fields.string(
        "Where the progress comes from: progress.json, which the program writes; the bars and epochs in the log; or"
        " the last epoch and step in the metrics.",
        one_of=["progress.json", "log", "metrics"],
        allow_none=True,
    )
    percent = fields.number("From 0 to 100, of the scope. null: unknown.", allow_none=True)
    scope = fields.string(
        "What percent and eta_s refer to: the whole training, the current epoch, or a progress bar in the log that may"
        " be one of many.",
        one_of=["training", "epoch", "bar"],
        allow_none=True,
    )
    eta_s = fields.number(
        "Seconds until the end of the scope. For progress.json of our own trainer: until the fit ends.", optional=True
    )
    phase = fields.string("loading, prepare, fit, test or export.", optional=True)
    epoch = fields.number("As the program counts epochs: from 0, from 1, or in fractions.", optional=True)
    max_epochs = fields.number(optional=True)
    batch = fields.integer("Batches done in this epoch or phase. In the phase prepare: images.", optional=True)
    num_batches = fields.integer("All batches of this epoch or phase.", optional=True)
    step = fields.number("Optimizer steps done.", optional=True)
    total_steps = fields.number(optional=True)
    samples_per_s = fields.number(optional=True)


class ActiveRunSchema(Schema):
    run_id = fields.string()
    title = fields.string("null: it has no title.", allow_none=True)
    pid = fields.integer(allow_none=True)
    state = fields.string(one_of=STATES)
    config_name = fields.string(allow_none=True)
    progress = fields.nested(ProgressSchema, allow_none=True)
    started_at = fields.string(allow_none=True)


class ServiceStatusSchema(Schema):
    """The fields of one run describe the active run that started last."""

    status = fields.string(one_of=["running", "not_running"])
    running = fields.boolean()
    pid = fields.integer(allow_none=True)
    run_id = fields.string(allow_none=True)
    title = fields.string("null: it has no title.", allow_none=True)
    state = fields.string(allow_none=True, one_of=STATES)
    config_name = fields.string(allow_none=True)
    progress = fields.nested(ProgressSchema, allow_none=True)
    started_at = fields.string(allow_none=True)
    active = fields.array(fields.nested(ActiveRunSchema), "All active runs. The run that started last comes first.")
    num_queued = fields.integer("Runs that wait in the queue.")
    last_run = fields.nested(LastRunSchema, allow_none=True)


class ConfigsSchema(Schema):
    available_configs = fields.array(fields.string())
    problems = fields.mapping(fields.string(), "Why files are not valid experiments, by name.")
