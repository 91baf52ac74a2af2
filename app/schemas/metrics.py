"""Schemas of answers about metrics, and of the list of runs."""

from __future__ import annotations

from typing import Any

from marshmallow.fields import Field

from app.runs.store.states import STATES
from app.schemas import fields
from app.schemas.fields import Schema


def _directions(**options: Any) -> Field[Any]:
    return fields.mapping(
        fields.string(one_of=["lower", "higher"]),
        "Whether lower or higher is better, for each metric whose direction is known.",
        example={"val/loss": "lower", "val/acc": "higher"},
        **options,
    )


class RunListItemSchema(Schema):
    run_id = fields.string()
    title = fields.string(allow_none=True)
    tags = fields.array(fields.string())
    created_at = fields.string(allow_none=True)
    modified_at = fields.string(allow_none=True)
    status = fields.string(one_of=STATES)
    has_metrics = fields.boolean()
    can_resume = fields.boolean("Whether another run can resume from this one.")
    metrics_file = fields.string(allow_none=True)
    config_name = fields.string(allow_none=True)
    model_name = fields.string(allow_none=True)
    reason = fields.string(allow_none=True)
    dataset = fields.string(allow_none=True)
    started_at = fields.string(allow_none=True)
    ended_at = fields.string(allow_none=True)
    duration_s = fields.number("null: the run has not ended.", allow_none=True)
    size_bytes = fields.size()
    best_metrics = fields.mapping(
        fields.number(), "Best value of each metric whose direction is known. null without `best=1`.", allow_none=True
    )
    directions = _directions(allow_none=True)


def _metrics_problem() -> Field[Any]:
    return fields.string("Which of the program's files cannot be read, and why. null: none.", allow_none=True)


class SkippedRowSchema(Schema):
    line = fields.integer("Line number in the file. The header is line 1.")
    reason = fields.string(example="has 5 cells under a header of 3")


class MetricsSchema(Schema):
    run_id = fields.string()
    available_columns = fields.array(fields.string())
    directions = _directions()
    total_rows = fields.integer()
    max_epoch = fields.number("As the program counts epochs.", allow_none=True)
    max_step = fields.number(allow_none=True)
    num_skipped_rows = fields.integer("Lines that were skipped because they are not rows.")
    skipped_rows = fields.array(SkippedRowSchema, "The first 20 skipped lines.")
    text_columns = fields.array(
        fields.string(), "Columns with text in a cell. The objects in `data` have no key for such a cell."
    )
    attempt = fields.string(
        "Changes when the program starts the file again. Then earlier rows no longer count.", allow_none=True
    )
    data = fields.array(
        fields.mapping(fields.number(allow_none=True)),
        "One object per row. null: not logged, or not finite (see `non_finite`).",
    )
    non_finite = fields.mapping(
        fields.mapping(fields.array(fields.integer()), keys=fields.string(one_of=["nan", "inf", "-inf"])),
        "Indices into `data` of the nulls that stand for nan, inf and -inf, by column and value.",
        example={"train/loss": {"nan": [41, 42], "inf": [40]}},
    )
    metrics_problem = _metrics_problem()
    csv_file = fields.string("The file that the rows were read from: the program's own, or the run's scraped.csv.")
    last_modified = fields.string(allow_none=True)


class SummarySchema(Schema):
    run_id = fields.string()
    total_epochs = fields.integer()
    total_steps = fields.number()
    num_skipped_rows = fields.integer()
    best_metrics = fields.mapping(fields.number())
    final_metrics = fields.mapping(fields.number())
    available_columns = fields.array(fields.string())
    directions = _directions()
    monitor = fields.string("The metric that the experiment of a command shows first.", allow_none=True)
    metrics_problem = _metrics_problem()
