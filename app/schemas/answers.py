"""What is answered."""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from app.runs.states import STATES


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


class GpuLoadSchema(Schema):
    index = fields.Integer(required=True)
    utilisation_percent = _measured("Percent")
    memory_used_mb = _measured("MB")
    temperature_c = _measured("Degrees Celsius")
    power_w = _measured("Watts")


class LoadSchema(Schema):
    every_s = fields.Float(required=True, metadata={"description": "Seconds from one measurement to the next."})
    cpu_percent = _measured("Percent of all cores")
    memory_used_mb = _measured("MB")
    disk_free_mb = _measured("MB free where runs are kept")
    prewarm_memory_mb = _measured("MB of the program that waits for the next start; null while none does")
    gpus = fields.List(fields.Nested(GpuLoadSchema), required=True)


class ConfigsSchema(Schema):
    available_configs = fields.List(fields.String(), required=True)


class ModelPathListSchema(Schema):
    model_paths = fields.List(fields.String(), required=True)


def _metrics(what: str) -> fields.Dict:
    return fields.Dict(
        keys=fields.String(),
        values=fields.Float(allow_none=True),
        allow_none=True,
        metadata={"description": what},
    )


class ModelCardSchema(Schema):
    """What classification_model.json says, and more."""

    class Meta:
        unknown = INCLUDE

    run_id = fields.String(required=True)
    model_name = fields.String(required=True)
    model_path = fields.String(required=True, metadata={"description": "Absolute path of the ONNX file."})
    size_bytes = fields.Integer(required=True, metadata={"description": "Of that file."})
    is_tested = fields.Boolean(
        required=True,
        metadata={"description": "false: a model of a run that was stopped; nobody knows how good it is."},
    )
    dataset_name = fields.String(allow_none=True)
    config_name = fields.String(allow_none=True, metadata={"description": "The experiment file."})
    class_names = fields.List(
        fields.String(), allow_none=True, metadata={"description": "In the order of the model's outputs."}
    )
    train_metrics = _metrics("Of the epoch of the checkpoint, such as train/loss.")
    test_metrics = _metrics("Such as test/loss and test/acc.")
    splits = fields.Dict(
        keys=fields.String(),
        allow_none=True,
        metadata={"description": "By train, val, test: path, num_images, split_off; null: none."},
    )
    variants = fields.List(
        fields.Dict(keys=fields.String()),
        allow_none=True,
        metadata={"description": "Smaller files: name, path, size, accuracy; or an error."},
    )
    max_difference = fields.Float(
        allow_none=True, metadata={"description": "Largest difference seen between a logit of the file and of torch."}
    )
    allowed_difference = fields.Float(allow_none=True)
    tolerance = fields.String(allow_none=True, metadata={"description": "The rule by which they were compared."})


class ModelsSchema(Schema):
    models_info = fields.List(fields.Nested(ModelCardSchema), required=True)


class DeletedSchema(Schema):
    success = fields.Boolean(required=True)
    error = fields.String(required=True, allow_none=True)


def _directions(**options: Any) -> fields.Dict:
    return fields.Dict(
        keys=fields.String(),
        values=fields.String(validate=validate.OneOf(["lower", "higher"])),
        required=True,
        metadata={
            "description": "Which way each metric improves; only metrics whose direction is known.",
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
    has_checkpoint = fields.Boolean(required=True, metadata={"description": "Whether a start may resume from it."})
    metrics_file = fields.String(required=True, allow_none=True)
    config_name = fields.String(required=True, allow_none=True)
    model_name = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    dataset = fields.String(required=True, allow_none=True)
    started_at = fields.String(required=True, allow_none=True)
    ended_at = fields.String(required=True, allow_none=True)
    duration_s = fields.Float(required=True, allow_none=True, metadata={"description": "null: has not ended."})
    best_metrics = fields.Dict(
        keys=fields.String(),
        values=fields.Float(),
        required=True,
        allow_none=True,
        metadata={"description": "The best value of each metric whose direction is known; null unless asked for."},
    )
    directions = _directions(allow_none=True)


class SkippedRowSchema(Schema):
    line = fields.Integer(required=True, metadata={"description": "Its number in the file; the header is line 1."})
    reason = fields.String(required=True, metadata={"example": "has 5 cells under a header of 3"})


class MetricsSchema(Schema):
    run_id = fields.String(required=True)
    available_columns = fields.List(fields.String(), required=True)
    directions = _directions()
    total_rows = fields.Integer(required=True)
    max_epoch = fields.Float(required=True, allow_none=True, metadata={"description": "As the program counts them."})
    max_step = fields.Float(required=True, allow_none=True)
    num_skipped_rows = fields.Integer(required=True, metadata={"description": "Lines of the file that make no row."})
    skipped_rows = fields.List(
        fields.Nested(SkippedRowSchema), required=True, metadata={"description": "The first 20 of them."}
    )
    text_columns = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Columns with text in some cell. An object of `data` has no key for such a cell."},
    )
    attempt = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Another one: the file was begun anew, and rows that were told before do not count."},
    )
    data = fields.List(
        fields.Dict(keys=fields.String(), values=fields.Float(allow_none=True)),
        required=True,
        metadata={"description": "One object a row; null = not logged, or not finite: see non_finite."},
    )
    non_finite = fields.Dict(
        keys=fields.String(),
        values=fields.Dict(
            keys=fields.String(validate=validate.OneOf(["nan", "inf", "-inf"])), values=fields.List(fields.Integer())
        ),
        required=True,
        metadata={
            "description": "By column and kind, where in `data` (counted from 0) a null stands for what JSON has not.",
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


class ArtifactSchema(Schema):
    path = fields.String(required=True)
    size = fields.Integer(required=True, metadata={"description": "Bytes."})
    modified_at = fields.String(required=True)


class ArtifactListSchema(Schema):
    run_id = fields.String(required=True)
    artifacts = fields.List(fields.Nested(ArtifactSchema), required=True)


class OnStopSchema(Schema):
    """What a stop of the run does, as fixed at its start."""

    signal = fields.String(required=True, metadata={"description": "What the program gets.", "example": "SIGTERM"})
    grace_s = fields.Float(required=True, metadata={"description": "Seconds from the signal to the kill."})
    saves = fields.Boolean(
        required=True,
        allow_none=True,
        metadata={"description": "Whether the program keeps its work. null: only the program of a command knows."},
    )
    exports = fields.Boolean(
        required=True,
        allow_none=True,
        metadata={"description": "Whether it exports its best model so far. null: only the program knows."},
    )


class RunSchema(Schema):
    run_id = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    reason = fields.String(required=True, allow_none=True)
    pid = fields.Integer(required=True, allow_none=True)
    config_name = fields.String(required=True, allow_none=True)
    model_name = fields.String(required=True, allow_none=True)
    request = fields.Dict(required=True)
    created_at = fields.String(required=True, allow_none=True)
    started_at = fields.String(required=True, allow_none=True)
    ended_at = fields.String(required=True, allow_none=True)
    exit_code = fields.Integer(required=True, allow_none=True)
    signal = fields.String(required=True, allow_none=True)
    on_stop = fields.Nested(OnStopSchema, required=True, allow_none=True)
    progress = fields.Nested(ProgressSchema, required=True, allow_none=True)
    silent_s = fields.Float(
        required=True,
        allow_none=True,
        metadata={
            "description": "Seconds since the log, metrics or progress of an active run changed last. It may be stuck."
        },
    )
    config = fields.Dict(required=True, allow_none=True)
    preflight = fields.Dict(
        required=True,
        allow_none=True,
        metadata={"description": "What was found of the images before the start, as GET /training/datasets/{name}."},
    )
    stop = fields.Dict(required=True, allow_none=True)
    model = fields.Dict(required=True, allow_none=True, metadata={"description": "The model card, once there is one."})
    artifacts = fields.List(fields.Nested(ArtifactSchema), required=True)


class LogSchema(Schema):
    run_id = fields.String(required=True)
    offset = fields.Integer(required=True)
    next_offset = fields.Integer(required=True)
    size = fields.Integer(required=True)
    text = fields.String(required=True)


class LogMatchesSchema(Schema):
    run_id = fields.String(required=True)
    offset = fields.Integer(required=True)
    next_offset = fields.Integer(required=True, metadata={"description": "Where a next search goes on."})
    size = fields.Integer(required=True, metadata={"description": "Of the log, in bytes."})
    lines = fields.List(
        fields.Integer(),
        required=True,
        metadata={
            "description": "Byte at which each line that holds the text begins, the first 10,000 of the stretch."
        },
    )
