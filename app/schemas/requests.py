"""Schemas of what clients send. They check types, lengths and ranges, and refuse unknown fields."""

from __future__ import annotations

import json
import re
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from app.runs.start.request import NOT_GIVEN, StartRequest
from app.runs.store.states import STATES
from app.runs.views.catalogue import FIELDS
from trainer.dataset.splits import SPLITS

MAX_PATH_CHARS = 4096
MAX_NAME_CHARS = 255
MAX_LOG_BYTES = 1024 * 1024
MAX_LOG_SEARCH_BYTES = 16 * 1024 * 1024
MAX_OVERRIDES = 200
MAX_OVERRIDES_BYTES = 32 * 1024
MAX_OVERRIDES_DEPTH = 10


class _Request(Schema):
    """Base class of everything that a client sends."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.error_messages |= {
            "type": "Must be a JSON object.",
            "unknown": f"Unknown field. Known fields: {', '.join(self.fields)}.",
        }


def _printable(text: str) -> None:
    if not text.isprintable():
        raise ValidationError("Must not contain control characters.")


def _name(**options: Any) -> fields.String:
    return fields.String(validate=[validate.Length(min=1, max=MAX_NAME_CHARS), _printable], **options)


def _directory(what: str) -> fields.String:
    return fields.String(
        load_default=lambda: NOT_GIVEN,  # A callable, because the OpenAPI document would show a plain value.
        allow_none=True,
        validate=[validate.Length(min=1, max=MAX_PATH_CHARS), _printable],
        metadata={"description": f"Folder on the server with one subfolder of images per class, {what}"},
    )


def _fit_for_a_file_name(text: str) -> None:
    if not re.fullmatch(r"\w([\w .\-]{0,98}[\w\-])?", text):
        raise ValidationError(
            "Must be 1 to 100 letters, digits, spaces or . _ - that begin with a letter, a digit or _ and do not end in"
            " a dot or space."
        )


def _storable(overrides: dict[str, Any]) -> None:
    """Check that the run's own copy of the experiment can hold the overrides and be read back."""
    try:
        num_bytes, depth = len(json.dumps(overrides, ensure_ascii=False).encode()), _depth(overrides)
    except UnicodeEncodeError:
        raise ValidationError("Must be valid Unicode, without single surrogates.") from None
    except RecursionError:
        num_bytes, depth = 0, MAX_OVERRIDES_DEPTH + 1
    if len(overrides) > MAX_OVERRIDES:
        raise ValidationError(f"Must have at most {MAX_OVERRIDES} overrides.")
    if depth > MAX_OVERRIDES_DEPTH:
        raise ValidationError(f"Must have at most {MAX_OVERRIDES_DEPTH} levels of objects and arrays.")
    if num_bytes > MAX_OVERRIDES_BYTES:
        raise ValidationError(f"Must have at most {MAX_OVERRIDES_BYTES:,} bytes in total.")


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)


class StartRequestSchema(_Request):
    """A start. A command needs only the folders that it uses. A resumed run takes the rest from the earlier run."""

    config_name = _name(
        load_default=None,
        allow_none=True,
        metadata={
            "description": "Experiment file. Required unless the start resumes a run.",
            "example": "digits_resnet.yaml",
        },
    )
    train_data_dir = _directory("to train on.")
    val_data_dir = _directory("to select the best checkpoint. null: split off the train images.")
    test_data_dir = _directory("to test the best checkpoint. null: see `data.test_share`.")
    dataset = _name(
        load_default=None,
        allow_none=True,
        metadata={"description": "Name of a dataset, instead of the three folders.", "example": "digits"},
    )
    model_name = fields.String(
        load_default=None,
        allow_none=True,
        validate=[_fit_for_a_file_name],
        metadata={
            "description": "Name of the model, by default `model`: 1 to 100 letters of any language, digits, spaces "
            "or . _ - that begin with a letter, a digit or _ and do not end in a dot or space.",
            "example": "model",
            "minLength": 1,
            "maxLength": 100,
        },
    )
    overrides = fields.Dict(
        keys=fields.String(validate=validate.Length(min=1, max=MAX_NAME_CHARS)),
        load_default=dict,
        validate=_storable,
        metadata={"description": "Parameters of the experiment by dotted path.", "example": {"trainer.max_epochs": 3}},
    )
    resume_from = _name(
        load_default=None,
        allow_none=True,
        metadata={"description": "Id of the run to resume from."},
    )

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> StartRequest:
        return StartRequest(**values)


class StopRequestSchema(_Request):
    run_id = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Length(max=MAX_NAME_CHARS),
        metadata={"description": "Id of the active run. Another id stops nothing."},
    )
    mode = fields.String(
        load_default="save",
        validate=validate.OneOf(["save", "discard"]),
        metadata={
            "description": "save: keep the last checkpoint and export the best model. discard: stop without saving."
        },
    )


class StopQuerySchema(_Request):
    wait = fields.Boolean(
        load_default=True, metadata={"description": "0: answer at once. 1: answer when no process is left."}
    )


class DatasetQuerySchema(_Request):
    wait = fields.Boolean(
        load_default=True,
        metadata={"description": "0: answer at once. 1: answer when the check is finished, or after five seconds."},
    )


class ModelQuerySchema(_Request):
    variant = fields.String(
        load_default=None,
        allow_none=False,
        validate=validate.Length(1, MAX_NAME_CHARS),
        metadata={"description": "A smaller file of the model, such as `fp16` or `int8`, if the run made one."},
    )


class PreviewQuerySchema(_Request):
    split = fields.String(
        load_default="train", validate=validate.OneOf(SPLITS), metadata={"description": "Split of the images."}
    )
    per_class = fields.Integer(
        load_default=6, validate=validate.Range(1, 24), metadata={"description": "Maximum number of images per class."}
    )


class ModelsQuerySchema(_Request):
    limit = fields.Integer(
        load_default=None,
        allow_none=False,
        validate=validate.Range(1, 100_000),
        metadata={"description": "Maximum number. Default: all."},
    )
    offset = fields.Integer(
        load_default=0, validate=validate.Range(0, 2**31), metadata={"description": "Skip this many of the newest."}
    )


class RunsQuerySchema(ModelsQuerySchema):
    status = fields.String(
        load_default=None,
        allow_none=False,
        validate=validate.OneOf(STATES),
        metadata={"description": "Only runs in this state."},
    )
    search = fields.String(
        load_default=None,
        allow_none=False,
        validate=validate.Length(max=MAX_NAME_CHARS),
        metadata={"description": "Only runs whose id, experiment, model name or dataset contains this text."},
    )
    sort = fields.String(
        load_default=None,
        allow_none=False,
        validate=validate.Length(min=1, max=MAX_NAME_CHARS),
        metadata={
            "description": f"{', '.join(FIELDS)}, or a metric (by its best value). A `-` before the name: descending. "
            "Runs without a value come last. Default: newest first.",
            "example": "-val/acc",
        },
    )
    best = fields.Boolean(
        load_default=False, metadata={"description": "1: add the best value of each metric, of the first 200 of a run."}
    )


class MetricsQuerySchema(_Request):
    since_row = fields.Integer(
        load_default=0, validate=validate.Range(0, 2**53), metadata={"description": "Skip the rows before this one."}
    )
    max_points = fields.Integer(
        load_default=None,
        allow_none=False,
        validate=validate.Range(2, 1_000_000),
        metadata={"description": "Maximum number of rows. Every column keeps its peaks."},
    )
    columns = fields.String(
        load_default=None,
        allow_none=False,
        validate=validate.Length(max=MAX_PATH_CHARS),
        metadata={"description": "Only these columns, separated by commas. Unknown columns are left out."},
    )


class LogQuerySchema(_Request):
    offset = fields.Integer(
        load_default=0,
        validate=validate.Range(-(2**53), 2**53),
        metadata={"description": "First byte. Below 0: counted from the end."},
    )
    limit = fields.Integer(
        load_default=64 * 1024,
        validate=validate.Range(1, MAX_LOG_BYTES),
        metadata={"description": "Maximum number of bytes. A character is never split."},
    )
    from_line = fields.Boolean(
        load_default=False,
        metadata={"description": "1: begin at the first line that starts in the range, if one does."},
    )


class LogSearchQuerySchema(_Request):
    text = fields.String(
        required=True,
        validate=validate.Length(1, MAX_NAME_CHARS),
        metadata={"description": "The text to find. ASCII letters match in upper and lower case."},
    )
    offset = fields.Integer(
        load_default=0, validate=validate.Range(0, 2**53), metadata={"description": "First byte, where a line begins."}
    )
    limit = fields.Integer(
        load_default=MAX_LOG_SEARCH_BYTES,
        validate=validate.Range(1, MAX_LOG_SEARCH_BYTES),
        metadata={
            "description": "Maximum number of bytes to search. The last line is searched in full unless it is too long."
        },
    )


class SubscribeSchema(_Request):
    """What a Socket.IO client sends to subscribe."""

    run_id = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=MAX_NAME_CHARS))
    row = fields.Integer(load_default=0, strict=True, validate=validate.Range(0, 2**53))
    log_offset = fields.Integer(load_default=None, allow_none=True, strict=True, validate=validate.Range(0, 2**53))
    attempt = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=MAX_NAME_CHARS))
