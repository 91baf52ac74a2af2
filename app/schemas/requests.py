"""Schemas of what clients send. They check types, lengths and ranges, and refuse unknown fields."""

from __future__ import annotations

import json
import re
from typing import Any

from marshmallow import ValidationError, post_load
from marshmallow.fields import Field

from app.runs.queue.entry import MAX_PRIORITY
from app.runs.start.request import NOT_GIVEN, StartRequest
from app.runs.start.stop import MODES
from app.runs.store.states import STATES
from app.runs.views.catalogue import FIELDS
from app.schemas import fields
from app.schemas.fields import Schema
from trainer.dataset.splits import SPLITS

MAX_PATH_CHARS = 4096
MAX_NAME_CHARS = 255
MAX_LOG_BYTES = 1024 * 1024
MAX_LOG_SEARCH_BYTES = 16 * 1024 * 1024
MAX_OVERRIDES = 200
MAX_GPUS = 1024
MAX_OVERRIDES_BYTES = 32 * 1024
MAX_OVERRIDES_DEPTH = 10


def _printable(text: str) -> None:
    if not text.isprintable():
        raise ValidationError("Must not contain control characters.")


def _name(about: str, **options: Any) -> Field[Any]:
    return fields.string(about, load_default=None, validate=[fields.length(1, MAX_NAME_CHARS), _printable], **options)


def _query_text(about: str, min_chars: int = 1, max_chars: int = MAX_NAME_CHARS, **options: Any) -> Field[Any]:
    """Declare a text of a query string that need not be there, and is not null."""
    limit = fields.length(min_chars, max_chars)
    return fields.string(about, load_default=None, allow_none=False, validate=limit, **options)


def _directory(what: str) -> Field[Any]:
    return fields.string(
        f"Folder on the server with one subfolder of images per class, {what}",
        load_default=lambda: NOT_GIVEN,  # A callable, because the OpenAPI document would show a plain value.
        allow_none=True,
        validate=[fields.length(1, MAX_PATH_CHARS), _printable],
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
    if not all(1 <= len(name) <= MAX_NAME_CHARS for name in overrides):
        raise ValidationError(f"Must have names of 1 to {MAX_NAME_CHARS} characters.")
    if len(overrides) > MAX_OVERRIDES:
        raise ValidationError(f"Must have at most {MAX_OVERRIDES} overrides.")
    if depth > MAX_OVERRIDES_DEPTH:
        raise ValidationError(f"Must have at most {MAX_OVERRIDES_DEPTH} levels of objects and arrays.")
    if num_bytes > MAX_OVERRIDES_BYTES:
        raise ValidationError(f"Must have at most {MAX_OVERRIDES_BYTES:,} bytes in total.")


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)


class StartRequestSchema(Schema):
    """A start. A command needs only the folders that it uses. A resumed run takes the rest from the earlier run."""

    config_name = _name("Experiment file. Required unless the start resumes a run.", example="digits_resnet.yaml")
    train_data_dir = _directory("to train on.")
    val_data_dir = _directory("to select the best checkpoint. null: split off the train images.")
    test_data_dir = _directory("to test the best checkpoint. null: see `data.test_share`.")
    dataset = _name("Name of a dataset, instead of the three folders.", example="digits")
    model_name = fields.string(
        "Name of the model, by default `model`: 1 to 100 letters of any language, digits, spaces or . _ - that begin "
        "with a letter, a digit or _ and do not end in a dot or space.",
        load_default=None,
        validate=[_fit_for_a_file_name],
        example="model",
        documented={"minLength": 1, "maxLength": 100},
    )
    overrides = fields.mapping(
        about="Parameters of the experiment by dotted path.",
        load_default=dict,
        validate=_storable,
        example={"trainer.max_epochs": 3},
    )
    resume_from = _name("Id of the run to resume from.")
    gpus = fields.strict_integer(
        "Number of GPUs that the program sees. null: the experiment says, or else the machine's GPUs are divided by "
        "TRAINING_MAX_ACTIVE.",
        load_default=None,
        validate=fields.between(0, MAX_GPUS),
    )
    queue = fields.strict_boolean("Queue the run if it cannot start immediately.", load_default=False)
    priority = fields.strict_integer(
        "Runs with a higher priority come first in the queue.",
        load_default=0,
        validate=fields.between(-MAX_PRIORITY, MAX_PRIORITY),
    )

    @post_load
    def make(self, values: dict[str, Any], **_: Any) -> StartRequest:
        return StartRequest(**values)


class StopRequestSchema(Schema):
    run_id = fields.string(
        "Id of an active or queued run. Required if several are active. Any other id stops nothing.",
        load_default=None,
        validate=fields.length(0, MAX_NAME_CHARS),
    )
    mode = fields.string(
        "save: keep the last checkpoint and export the best model. discard: stop without saving.",
        load_default="save",
        one_of=MODES,
    )


class MoveRequestSchema(Schema):
    position = fields.strict_integer(
        "The new place in the queue, from 1. Beyond the end: the last place.", validate=fields.between(1, 2**31)
    )


class StopQuerySchema(Schema):
    wait = fields.boolean("0: answer at once. 1: answer when no process is left.", load_default=True)


class ParametersQuerySchema(Schema):
    config_name = _query_text("An experiment: only its parameters, with its values.")
    run_id = _query_text(
        "A run to resume: only the parameters of its copy of the experiment. It takes precedence over config_name."
    )


class DatasetQuerySchema(Schema):
    wait = fields.boolean(
        "0: answer at once. 1: answer when the check is finished, or after five seconds.", load_default=True
    )


class ModelQuerySchema(Schema):
    file = _query_text(
        "Path of one of the run's models, as `file` in its card. Default: the run's first model.",
        max_chars=MAX_PATH_CHARS,
        example="output/weights/best.pt",
    )
    variant = _query_text("A smaller file of the model, such as `fp16` or `int8`, if the run made one.")


class DeletionQuerySchema(Schema):
    trash = fields.boolean("1: keep the run in the trash for a day. 0: delete it for good.", load_default=False)


class PredictQuerySchema(ModelQuerySchema):
    top = fields.integer("Maximum number of classes per image.", load_default=5, validate=fields.between(1, 1000))
    heatmap = fields.boolean("0: no heatmaps. They make the answer larger.", load_default=True)


class PreviewQuerySchema(Schema):
    split = fields.string("Split of the images.", load_default="train", one_of=SPLITS)
    per_class = fields.integer("Maximum number of images per class.", load_default=6, validate=fields.between(1, 24))


class PageQuerySchema(Schema):
    limit = fields.integer(
        "Maximum number. Default: all.", load_default=None, allow_none=False, validate=fields.between(1, 100_000)
    )
    offset = fields.integer("Skip this many.", load_default=0, validate=fields.between(0, 2**31))


class RunsQuerySchema(PageQuerySchema):
    status = fields.string("Only runs in this state.", load_default=None, allow_none=False, one_of=STATES)
    search = _query_text(
        "Only runs whose id, title, tags, experiment, model name or dataset contain this text.", min_chars=0
    )
    tag = fields.string("Only runs with this tag.", load_default=None, allow_none=False)
    sort = _query_text(
        f"{', '.join(FIELDS)}, or a metric (by its best value). A `-` before the name: descending. Runs without a "
        "value come last. Default: newest first.",
        example="-val/acc",
    )
    best = fields.boolean("1: add the best value of each metric, of the first 200 of a run.", load_default=False)


class MetricsQuerySchema(Schema):
    since_row = fields.integer("Skip the rows before this one.", load_default=0, validate=fields.between(0, 2**53))
    max_points = fields.integer(
        "Maximum number of rows. Every column keeps its peaks.",
        load_default=None,
        allow_none=False,
        validate=fields.between(2, 1_000_000),
    )
    columns = _query_text(
        "Only these columns, separated by commas. Unknown columns are left out.", min_chars=0, max_chars=MAX_PATH_CHARS
    )


class LogQuerySchema(Schema):
    offset = fields.integer(
        "First byte. Below 0: counted from the end.", load_default=0, validate=fields.between(-(2**53), 2**53)
    )
    limit = fields.integer(
        "Maximum number of bytes. A character is never split.",
        load_default=64 * 1024,
        validate=fields.between(1, MAX_LOG_BYTES),
    )
    from_line = fields.boolean("1: begin at the first line that starts in the range, if one does.", load_default=False)


class LogSearchQuerySchema(Schema):
    text = fields.string(
        "The text to find. ASCII letters match in upper and lower case.", validate=fields.length(1, MAX_NAME_CHARS)
    )
    offset = fields.integer("First byte, where a line begins.", load_default=0, validate=fields.between(0, 2**53))
    limit = fields.integer(
        "Maximum number of bytes to search. The last line is searched in full unless it is too long.",
        load_default=MAX_LOG_SEARCH_BYTES,
        validate=fields.between(1, MAX_LOG_SEARCH_BYTES),
    )


class SubscribeSchema(Schema):
    """What a Socket.IO client sends to subscribe."""

    run_id = fields.string(load_default=None, validate=fields.length(0, MAX_NAME_CHARS))
    row = fields.strict_integer(load_default=0, validate=fields.between(0, 2**53))
    log_offset = fields.strict_integer(load_default=None, validate=fields.between(0, 2**53))
    attempt = fields.string(load_default=None, validate=fields.length(0, MAX_NAME_CHARS))
