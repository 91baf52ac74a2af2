"""Schemas of answers about usage: of the machine in the last minutes, and of a run from its start to its end."""

from __future__ import annotations

from typing import Any

from marshmallow.fields import Field

from app.schemas import fields
from app.schemas.fields import Schema


def _samples(unit: str) -> Field[Any]:
    return fields.array(fields.number(allow_none=True), f"{unit}, oldest first.")


class GpuUsageSchema(Schema):
    index = fields.integer()
    utilisation_percent = _samples("Percent")
    memory_used_mb = _samples("MB")
    temperature_c = _samples("Degrees Celsius")
    power_w = _samples("Watts")


class MachineUsageSchema(Schema):
    every_s = fields.number("Seconds between two samples.")
    cpu_percent = _samples("Percent of all cores")
    memory_used_mb = _samples("MB")
    disk_free_mb = _samples("Free MB on the disk of the runs")
    prewarm_memory_mb = _samples("MB of the prewarmed process (null without one)")
    gpus = fields.array(GpuUsageSchema)


class RunUsageSchema(Schema):
    """Each list has a value for each row of usage.csv. null: unknown."""

    run_id = fields.string()
    every_s = fields.number("Seconds that a row covers. It doubles as the run gets longer.")
    times = fields.array(fields.number(), "Seconds since 1970 in UTC, when each row ends, oldest first.")
    cpu_percent = _samples("Percent of one core, of all the run's processes: the mean of the row")
    memory_mb = _samples("MB of all the run's processes: the highest of the row")
    gpus = fields.array(GpuUsageSchema, "The run's GPUs. Memory and temperature are the highest of a row.")
