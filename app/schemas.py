"""The form of requests and answers: types, lengths, ranges; unknown fields are refused. No rule of the domain."""

from __future__ import annotations

import json
import re
from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields, post_load, validate

from app.runs.starting import StartRequest
from app.runs.states import STATES

MAX_PATH_CHARS = 4096
MAX_NAME_CHARS = 255
MAX_LOG_BYTES = 4 * 1024 * 1024
MAX_OVERRIDES_BYTES = 32 * 1024
MAX_OVERRIDES_DEPTH = 10


class _Request(Schema):
    """Something that a client sends."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.error_messages |= {
            "type": "Must be a JSON object.",
            "unknown": f"Unknown field; known are {', '.join(self.fields)}.",
        }


def _printable(text: str) -> None:
    if not text.isprintable():
        raise ValidationError("Must not contain control characters.")


def _name(**options: Any) -> fields.String:
    return fields.String(validate=[validate.Length(min=1, max=MAX_NAME_CHARS), _printable], **options)


def _directory(what: str) -> fields.String:
    return fields.String(
        load_default=None,
        allow_none=True,
        validate=[validate.Length(min=1, max=MAX_PATH_CHARS), _printable],
        metadata={"description": f"Folder on the server with one sub-folder of images per class: {what}."},
    )


def _fit_for_a_file_name(text: str) -> None:
    if not re.fullmatch(r"[\w\-]([\w .\-]{0,98}[\w\-])?", text):
        raise ValidationError("Must be 1 to 100 letters, digits, spaces or . _ - without dots or spaces at its ends.")


def _storable(overrides: dict[str, Any]) -> None:
    """They go into the run's own copy of the experiment, which must be read back."""
    try:
        num_bytes, depth = len(json.dumps(overrides, ensure_ascii=False).encode()), _depth(overrides)
    except UnicodeEncodeError:
        raise ValidationError("Must hold proper text: a half of a surrogate pair is none.") from None
    except RecursionError:
        num_bytes, depth = 0, MAX_OVERRIDES_DEPTH + 1
    if depth > MAX_OVERRIDES_DEPTH:
        raise ValidationError(f"Must have at most {MAX_OVERRIDES_DEPTH} levels of objects and lists.")
    if num_bytes > MAX_OVERRIDES_BYTES:
        raise ValidationError(f"Must have at most {MAX_OVERRIDES_BYTES:,} bytes altogether.")


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)


class StartRequestSchema(_Request):
    """A start. A command experiment needs only the folders it uses; a resumed run takes the rest from the earlier."""

    config_name = _name(
        load_default=None,
        allow_none=True,
        metadata={"description": "Experiment file; required unless a run is resumed.", "example": "digits_resnet.yaml"},
    )
    train_data_dir = _directory("to train on")
    val_data_dir = _directory("to choose the best checkpoint by")
    test_data_dir = _directory("to test the best checkpoint on")
    dataset = _name(
        load_default=None,
        allow_none=True,
        metadata={"description": "Name of a discovered dataset; stands for the three folders.", "example": "digits"},
    )
    model_name = fields.String(
        load_default=None,
        allow_none=True,
        validate=[_fit_for_a_file_name],
        metadata={
            "description": "What to call the model; `model` unless given. 1 to 100 letters of any language, digits, "
            "spaces or . _ - with neither a dot nor a space at its ends.",
            "example": "model",
            "minLength": 1,
            "maxLength": 100,
        },
    )
    overrides = fields.Dict(
        keys=fields.String(validate=validate.Length(min=1, max=MAX_NAME_CHARS)),
        load_default=dict,
        validate=_storable,
        metadata={"description": "Values of the experiment by dotted path.", "example": {"trainer.max_epochs": 3}},
    )
    resume_from = _name(
        load_default=None, allow_none=True, metadata={"description": "Id of the run whose last checkpoint to continue."}
    )

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> StartRequest:
        return StartRequest(**values)


class StopRequestSchema(_Request):
    run_id = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Length(max=MAX_NAME_CHARS),
        metadata={"description": "Stop only if this is the active run."},
    )
    mode = fields.String(
        load_default="save",
        validate=validate.OneOf(["save", "discard"]),
        metadata={"description": "save: keep the last checkpoint and export the best model so far. discard: be quick."},
    )


class StopQuerySchema(_Request):
    wait = fields.Boolean(
        load_default=True, metadata={"description": "0: return at once instead of when no process is left."}
    )


class RunsQuerySchema(_Request):
    limit = fields.Integer(
        load_default=None,
        allow_none=False,
        validate=validate.Range(1, 100_000),
        metadata={"description": "So many at most; all unless given."},
    )
    offset = fields.Integer(
        load_default=0, validate=validate.Range(0, 2**31), metadata={"description": "Leave out so many of the newest."}
    )
    status = fields.String(
        load_default=None,
        allow_none=False,
        validate=validate.OneOf(STATES),
        metadata={"description": "Only runs in this state."},
    )


class MetricsQuerySchema(_Request):
    since_row = fields.Integer(
        load_default=0, validate=validate.Range(0, 2**53), metadata={"description": "Leave out the rows before."}
    )
    max_points = fields.Integer(
        load_default=None,
        allow_none=False,
        validate=validate.Range(2, 1_000_000),
        metadata={"description": "At most so many rows; every column keeps its peaks."},
    )
    columns = fields.String(
        load_default=None,
        allow_none=False,
        validate=validate.Length(max=MAX_PATH_CHARS),
        metadata={"description": "Comma-separated; only these columns. Those that do not exist (yet) are left out."},
    )


class LogQuerySchema(_Request):
    offset = fields.Integer(
        load_default=0,
        validate=validate.Range(-(2**53), 2**53),
        metadata={"description": "Byte to begin at; below 0: counted from the end."},
    )
    limit = fields.Integer(
        load_default=64 * 1024,
        validate=validate.Range(1, MAX_LOG_BYTES),
        metadata={"description": "Bytes at most; a character is never split."},
    )


class SubscribeSchema(_Request):
    """What a socket client sends to subscribe."""

    run_id = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=MAX_NAME_CHARS))
    row = fields.Integer(load_default=0, strict=True, validate=validate.Range(0, 2**53))
    log_offset = fields.Integer(load_default=None, allow_none=True, strict=True, validate=validate.Range(0, 2**53))


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


class StatusSchema(Schema):
    status = fields.String(required=True, validate=validate.OneOf(["running", "not_running"]))
    running = fields.Boolean(required=True)
    pid = fields.Integer(required=True, allow_none=True)
    run_id = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, allow_none=True, validate=validate.OneOf(STATES))
    config_name = fields.String(required=True, allow_none=True)
    progress = fields.Dict(required=True, allow_none=True)
    started_at = fields.String(required=True, allow_none=True)
    last_run = fields.Nested(LastRunSchema, required=True, allow_none=True)


class ConfigsSchema(Schema):
    available_configs = fields.List(fields.String(), required=True)


class NumImagesSchema(Schema):
    train = fields.Integer(required=True)
    val = fields.Integer(required=True)
    test = fields.Integer(required=True)


class DatasetSchema(Schema):
    dataset_name = fields.String(required=True)
    train_path = fields.String(required=True)
    val_path = fields.String(required=True)
    test_path = fields.String(required=True)
    dataset_base_path = fields.String(required=True)
    class_names = fields.List(fields.String(), required=True)
    num_images = fields.Nested(NumImagesSchema, required=True)


class DatasetsSchema(Schema):
    datasets = fields.List(fields.Nested(DatasetSchema), required=True)


class ModelPathsSchema(Schema):
    model_paths = fields.List(fields.String(), required=True)


class ModelCardSchema(Schema):
    """What classification_model.json says; of a program that is not ours, whatever it wrote."""

    class Meta:
        unknown = INCLUDE

    run_id = fields.String(required=True)
    model_name = fields.String(required=True)
    model_path = fields.String(required=True, metadata={"description": "Absolute path of the ONNX file."})
    dataset_name = fields.Raw(metadata={"description": "Text."})
    config_name = fields.Raw(metadata={"description": "Text: the experiment file."})
    class_names = fields.Raw(metadata={"description": "List of texts, in the order of the outputs."})
    train_metrics = fields.Raw(metadata={"description": "Values by name, such as train/loss."})
    test_metrics = fields.Raw(metadata={"description": "Values by name, such as test/loss and test/acc."})


class ModelsSchema(Schema):
    models_info = fields.List(fields.Nested(ModelCardSchema), required=True)


class DeletedSchema(Schema):
    success = fields.Boolean(required=True)
    error = fields.String(required=True, allow_none=True)


class RunListItemSchema(Schema):
    run_id = fields.String(required=True)
    created_at = fields.String(required=True, allow_none=True)
    modified_at = fields.String(required=True, allow_none=True)
    status = fields.String(required=True, validate=validate.OneOf(STATES))
    has_metrics = fields.Boolean(required=True)
    metrics_file = fields.String(required=True, allow_none=True)
    config_name = fields.String(required=True, allow_none=True)
    model_name = fields.String(required=True, allow_none=True)


class MetricsSchema(Schema):
    run_id = fields.String(required=True)
    available_columns = fields.List(fields.String(), required=True)
    total_rows = fields.Integer(required=True)
    max_epoch = fields.Integer(required=True, allow_none=True)
    max_step = fields.Integer(required=True, allow_none=True)
    data = fields.List(
        fields.Dict(keys=fields.String(), values=fields.Float(allow_none=True)),
        required=True,
        metadata={"description": "One object a row; null = not logged (or not finite)."},
    )
    csv_file = fields.String(required=True)
    last_modified = fields.String(required=True, allow_none=True)


class SummarySchema(Schema):
    run_id = fields.String(required=True)
    total_epochs = fields.Integer(required=True)
    total_steps = fields.Integer(required=True)
    best_metrics = fields.Dict(keys=fields.String(), values=fields.Float(), required=True)
    final_metrics = fields.Dict(keys=fields.String(), values=fields.Float(), required=True)
    available_columns = fields.List(fields.String(), required=True)


class ArtifactSchema(Schema):
    path = fields.String(required=True)
    size = fields.Integer(required=True, metadata={"description": "Bytes."})
    modified_at = fields.String(required=True)


class ArtifactsSchema(Schema):
    run_id = fields.String(required=True)
    artifacts = fields.List(fields.Nested(ArtifactSchema), required=True)


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
    progress = fields.Dict(required=True, allow_none=True)
    config = fields.Dict(required=True, allow_none=True)
    stop = fields.Dict(required=True, allow_none=True)
    model = fields.Dict(required=True, allow_none=True, metadata={"description": "The model card, once there is one."})
    artifacts = fields.List(fields.Nested(ArtifactSchema), required=True)


class LogSchema(Schema):
    run_id = fields.String(required=True)
    offset = fields.Integer(required=True)
    next_offset = fields.Integer(required=True)
    size = fields.Integer(required=True)
    text = fields.String(required=True)


class ErrorSchema(Schema):
    """The one shape of every error."""

    code = fields.Integer(required=True, metadata={"description": "HTTP status code."})
    status = fields.String(required=True, metadata={"description": "HTTP status text, or what the call's table says."})
    message = fields.String(required=True, metadata={"description": "What was wrong and what would be right."})
    errors = fields.Dict(required=True, metadata={"description": "By field: what would be right."})


class RunActiveErrorSchema(ErrorSchema):
    status = fields.String(required=True, validate=validate.Equal("running"))
    pid = fields.Integer(required=True, allow_none=True, metadata={"description": "Of the training that runs."})
    run_id = fields.String(required=True, allow_none=True, metadata={"description": "Of the run that is active."})


class LaunchErrorSchema(ErrorSchema):
    status = fields.String(required=True, metadata={"description": "error: and the reason."})
    run_id = fields.String(
        allow_none=True, metadata={"description": "The run that is kept as failed; null: nothing of it is."}
    )


class MetricsErrorSchema(ErrorSchema):
    csv_file = fields.String(metadata={"description": "The file that cannot be read, if that is what was wrong."})


class DeletionErrorSchema(ErrorSchema):
    success = fields.Boolean(required=True, metadata={"description": "false"})
    error = fields.String(required=True, metadata={"description": "The same as `message`."})


class DeletionForbiddenSchema(ErrorSchema):
    success = fields.Boolean(metadata={"description": "false; only where the file system refused."})
    error = fields.String(metadata={"description": "The same as `message`; only where the file system refused."})
