"""Schemas of answers about metrics, and of the list of runs."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from app.runs.store.states import STATES


def _directions(**options: Any) -> fields.Dict:
    return fields.Dict(
        keys=fields.String(),
        values=fields.String(validate=validate.OneOf(["lower", "higher"])),
        required=True,
        metadata={
            "description": "Whether lower or higher is better, for each metric whose direction is known.",
            "example": {"val/loss": "lower", "val/acc": "higher"},
        },
        **options,
    )


class RunListItemSchema(Schema):
    run_id = fields.String(required=True)
    created_at = fields.String(required=True, allow_none=True)
    modified_at = fields.String(required=True, allow_none=True)
    status = fields.String(required=True, validate=validate.OneOf(STATES))
    has_metrics = fields.Boolean(required=True)
    has_checkpoint = fields.Boolean(
        required=True, metadata={"description": "Whether another run can resume from this one."}
    )
    metrics_file = fields.String(required=True, allow_none=True)
    config_name = fields.String(required=True, allow_none=True)
    model_name = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    dataset = fields.String(required=True, allow_none=True)
    started_at = fields.String(required=True, allow_none=True)
    ended_at = fields.String(required=True, allow_none=True)
    duration_s = fields.Float(required=True, allow_none=True, metadata={"description": "null: the run has not ended."})
    best_metrics = fields.Dict(
        keys=fields.String(),
        values=fields.Float(),
        required=True,
        allow_none=True,
        metadata={"description": "Best value of each metric whose direction is known. null without `best=1`."},
    )
    directions = _directions(allow_none=True)


class SkippedRowSchema(Schema):
    line = fields.Integer(required=True, metadata={"description": "Line number in the file. The header is line 1."})
    reason = fields.String(required=True, metadata={"example": "has 5 cells under a header of 3"})


class MetricsSchema(Schema):
    run_id = fields.String(required=True)
    available_columns = fields.List(fields.String(), required=True)
    directions = _directions()
    total_rows = fields.Integer(required=True)
    max_epoch = fields.Float(required=True, allow_none=True, metadata={"description": "As the program counts epochs."})
    max_step = fields.Float(required=True, allow_none=True)
    num_skipped_rows = fields.Integer(
        required=True, metadata={"description": "Lines that were skipped because they are not rows."}
    )
    skipped_rows = fields.List(
        fields.Nested(SkippedRowSchema), required=True, metadata={"description": "The first 20 skipped lines."}
    )
    text_columns = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Columns with text in a cell. The objects in `data` have no key for such a cell."},
    )
    attempt = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Changes when the program starts the file again. Then earlier rows no longer count."},
    )
    data = fields.List(
        fields.Dict(keys=fields.String(), values=fields.Float(allow_none=True)),
        required=True,
        metadata={"description": "One object per row. null: not logged, or not finite (see `non_finite`)."},
    )
    non_finite = fields.Dict(
        keys=fields.String(),
        values=fields.Dict(
            keys=fields.String(validate=validate.OneOf(["nan", "inf", "-inf"])), values=fields.List(fields.Integer())
        ),
        required=True,
        metadata={
            "description": "Indices into `data` of the nulls that stand for nan, inf and -inf, by column and value.",
            "example": {"train/loss": {"nan": [41, 42], "inf": [40]}},
        },
    )
    csv_file = fields.String(required=True)
    last_modified = fields.String(required=True, allow_none=True)


class SummarySchema(Schema):
    run_id = fields.String(required=True)
    total_epochs = fields.Integer(required=True)
    total_steps = fields.Float(required=True)
    num_skipped_rows = fields.Integer(required=True)
    best_metrics = fields.Dict(keys=fields.String(), values=fields.Float(), required=True)
    final_metrics = fields.Dict(keys=fields.String(), values=fields.Float(), required=True)
    available_columns = fields.List(fields.String(), required=True)
    directions = _directions()
