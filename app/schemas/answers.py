"""The form of answers about the service: what runs, how loaded the machine is, which experiments there are."""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from app.runs.store.states import STATES


class PingSchema(Schema):
    status = fields.String(required=True)


class StartedSchema(Schema):
    status = fields.String(required=True, metadata={"example": "started"})
    pid = fields.Integer(required=True, allow_none=True, metadata={"description": "Of the training program."})
    run_id = fields.String(required=True)


class StoppedSchema(Schema):
    status = fields.String(required=True, validate=validate.OneOf(["stopped", "stopping", "not_running"]))
    run_id = fields.String(required=True, allow_none=True, metadata={"description": "null: nothing was running."})


class LastRunSchema(Schema):
    run_id = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    reason = fields.String(required=True, allow_none=True)


class ProgressSchema(Schema):
    """How far a run is. A `command` may leave out what it does not count."""

    class Meta:
        unknown = INCLUDE

    phase = fields.String(allow_none=True, metadata={"description": "loading, prepare, fit, test or export."})
    epoch = fields.Float(allow_none=True, metadata={"description": "As the program counts: from 0 or 1, or fractions."})
    max_epochs = fields.Float(allow_none=True)
    batch = fields.Integer(allow_none=True, metadata={"description": "Batches (or images, in prepare) that are done."})
    num_batches = fields.Integer(allow_none=True, metadata={"description": "Of this epoch or phase."})
    step = fields.Float(allow_none=True, metadata={"description": "Optimizer steps that are done."})
    total_steps = fields.Float(allow_none=True)
    samples_per_s = fields.Float(allow_none=True)
    eta_s = fields.Float(allow_none=True, metadata={"description": "Seconds until the end of the fit."})


class ServiceStatusSchema(Schema):
    status = fields.String(required=True, validate=validate.OneOf(["running", "not_running"]))
    running = fields.Boolean(required=True)
    pid = fields.Integer(required=True, allow_none=True)
    run_id = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, allow_none=True, validate=validate.OneOf(STATES))
    config_name = fields.String(required=True, allow_none=True)
    progress = fields.Nested(ProgressSchema, required=True, allow_none=True)
    started_at = fields.String(required=True, allow_none=True)
    last_run = fields.Nested(LastRunSchema, required=True, allow_none=True)


def _measured(what: str) -> fields.List[Any]:
    return fields.List(fields.Float(allow_none=True), required=True, metadata={"description": f"{what}; oldest first."})


class GpuUsageSchema(Schema):
    index = fields.Integer(required=True)
    utilisation_percent = _measured("Percent")
    memory_used_mb = _measured("MB")
    temperature_c = _measured("Degrees Celsius")
    power_w = _measured("Watts")


class UsageSchema(Schema):
    every_s = fields.Float(required=True, metadata={"description": "Seconds from one measurement to the next."})
    cpu_percent = _measured("Percent of all cores")
    memory_used_mb = _measured("MB")
    disk_free_mb = _measured("MB free where runs are kept")
    prewarm_memory_mb = _measured("MB of the program that waits for the next start; null while none does")
    gpus = fields.List(fields.Nested(GpuUsageSchema), required=True)


class ConfigsSchema(Schema):
    available_configs = fields.List(fields.String(), required=True)
