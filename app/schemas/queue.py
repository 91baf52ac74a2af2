"""Schemas of answers about the queue."""

from __future__ import annotations

from app.schemas import fields
from app.schemas.fields import Schema


class QueuedRunSchema(Schema):
    run_id = fields.string()
    position = fields.integer(
        "Place in the queue, from 1. null: it can never start, or SLURM decides when.", allow_none=True
    )
    reason = fields.string("Why the run waits. null: it starts in a moment.", allow_none=True)
    priority = fields.integer()
    gpus = fields.integer(
        "GPUs that the run needs. null: an equal share. On SLURM as many as its options say.", allow_none=True
    )
    queued_at = fields.string("UTC, ISO 8601.", allow_none=True)
    title = fields.string("null: it has no title.", allow_none=True)
    config_name = fields.string(allow_none=True)
    model_name = fields.string(allow_none=True)
    dataset = fields.string(allow_none=True)


class QueueSchema(Schema):
    paused = fields.boolean("Whether the queue is paused: then it starts no run.")
    pausable = fields.boolean("Whether it can be paused. false: the runs wait in the queue of SLURM.")
    num_runs = fields.integer("All queued runs, also those that `limit` and `offset` leave out.")
    runs = fields.array(QueuedRunSchema, "The next run comes first.")
    executor = fields.string("What executes new runs: local or slurm.")
    num_gpus = fields.integer("How many GPUs a run may have. null: the service does not know.", allow_none=True)


class QueuedSchema(Schema):
    status = fields.string(one_of=["queued"])
    run_id = fields.string()
    position = fields.integer("Place in the queue, from 1. null: the executor decides the order.", allow_none=True)
