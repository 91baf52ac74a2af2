"""Schemas of answers about the service: the active run, the usage of the machine, the experiments."""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from app.runs.store.states import STATES


class PingSchema(Schema):
    status = fields.String(required=True)


class StartedSchema(Schema):
    status = fields.String(required=True, metadata={"example": "started"})
    pid = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Process id of the training program."}
    )
    run_id = fields.String(required=True)


class StoppedSchema(Schema):
    status = fields.String(required=True, validate=validate.OneOf(["stopped", "stopping", "not_running"]))
    run_id = fields.String(required=True, allow_none=True, metadata={"description": "null: no run was active."})


class LastRunSchema(Schema):
    run_id = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    reason = fields.String(required=True, allow_none=True)


class ProgressSchema(Schema):
    """How far a run is. The program of a `command` may leave out fields."""

    class Meta:
        unknown = INCLUDE

    phase = fields.String(allow_none=True, metadata={"description": "loading, prepare, fit, test or export."})
    epoch = fields.Float(
        allow_none=True, metadata={"description": "As the program counts epochs: from 0, from 1, or in fractions."}
    )
    max_epochs = fields.Float(allow_none=True)
    batch = fields.Integer(
        allow_none=True, metadata={"description": "Batches done in this epoch or phase. In the phase prepare: images."}
    )
    num_batches = fields.Integer(allow_none=True, metadata={"description": "All batches of this epoch or phase."})
    step = fields.Float(allow_none=True, metadata={"description": "Optimizer steps done."})
    total_steps = fields.Float(allow_none=True)
    samples_per_s = fields.Float(allow_none=True)
    eta_s = fields.Float(allow_none=True, metadata={"description": "Seconds until the fit ends."})


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


def _samples(unit: str) -> fields.List[Any]:
    return fields.List(fields.Float(allow_none=True), required=True, metadata={"description": f"{unit}, oldest first."})


class GpuUsageSchema(Schema):
    index = fields.Integer(required=True)
    utilisation_percent = _samples("Percent")
    memory_used_mb = _samples("MB")
    temperature_c = _samples("Degrees Celsius")
    power_w = _samples("Watts")


class UsageSchema(Schema):
    every_s = fields.Float(required=True, metadata={"description": "Seconds between two samples."})
    cpu_percent = _samples("Percent of all cores")
    memory_used_mb = _samples("MB")
    disk_free_mb = _samples("Free MB on the disk of the runs")
    prewarm_memory_mb = _samples("MB of the prewarmed process (null without one)")
    gpus = fields.List(fields.Nested(GpuUsageSchema), required=True)


class ConfigsSchema(Schema):
    available_configs = fields.List(fields.String(), required=True)
