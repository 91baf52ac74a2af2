"""Facts from files of other programs, or of older versions of ours. A value of a wrong type or range is missing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from trainer.dataset.splits import SPLITS

Rule = Callable[[Any], bool]

MAX_AMOUNT = 1e12
"""No training has so many epochs or steps, or takes so many seconds, and a date so far away cannot be shown."""


def well_typed(content: Mapping[str, Any], rules: Mapping[str, Rule]) -> dict[str, Any]:
    """Return `content` with None for each value that its rule refuses. Values without a rule stay."""
    return {name: value if rules.get(name, _anything)(value) else None for name, value in content.items()}


def is_string(value: Any) -> bool:
    return isinstance(value, str)


def is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_integer_or_null(value: Any) -> bool:
    return value is None or is_integer(value)


def is_number(value: Any) -> bool:
    return is_integer(value) or (isinstance(value, float) and math.isfinite(value))


def is_amount(rule: Rule) -> Rule:
    return lambda value: rule(value) and 0 <= value <= MAX_AMOUNT


def is_percent(value: Any) -> bool:
    return is_number(value) and 0 <= value <= 100


def is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def is_object(value: Any) -> bool:
    return isinstance(value, dict)


def is_list_of(rule: Rule) -> Rule:
    return lambda value: isinstance(value, list) and all(map(rule, value))


def is_object_of(rule: Rule) -> Rule:
    return lambda value: isinstance(value, dict) and all(each is None or rule(each) for each in value.values())


def is_object_with(rules: Mapping[str, Rule]) -> Rule:
    """Return the rule for an object that has all these names, each with a value that its own rule accepts."""
    return lambda value: (
        isinstance(value, dict) and all(name in value and rule(value[name]) for name, rule in rules.items())
    )


def is_null_or(rule: Rule) -> Rule:
    return lambda value: value is None or rule(value)


def _anything(_: Any) -> bool:
    return True


PROGRESS: Mapping[str, Rule] = {
    "percent": is_percent,
    "phase": is_string,
    "epoch": is_number,
    "max_epochs": is_amount(is_number),
    "batch": is_amount(is_integer),
    "num_batches": is_amount(is_integer),
    "step": is_amount(is_number),
    "total_steps": is_amount(is_number),
    "samples_per_s": is_amount(is_number),
    "eta_s": is_amount(is_number),
}
"""progress.json. The program of a `command` may write its own, and count epochs in fractions."""

REQUEST: Mapping[str, Rule] = {
    "config_name": is_string,
    "train_data_dir": is_string,
    "val_data_dir": is_string,
    "test_data_dir": is_string,
    "dataset": is_string,
    "model_name": is_string,
    "overrides": is_object,
    "resume_from": is_string,
    "gpus": is_integer,
}
"""The request in run.json."""

ORIGIN: Mapping[str, Rule] = {
    "argv": is_list_of(is_string),
    "cwd": is_string,
    "host": is_string,
    "git": is_object_with(
        {"commit": is_string, "branch": is_null_or(is_string), "num_changed": is_null_or(is_integer)}
    ),
    "python": is_string,
    "packages": is_object_of(is_string),
    "gpu_driver": is_string,
}
"""The origin in run.json, and the program's command line."""

NOTES: Mapping[str, Rule] = {"title": is_string, "note": is_string, "tags": is_list_of(is_string)}
"""notes.json."""

is_message = is_object_with({"title": is_string, "body": is_string, "kind": is_string})
is_delivery = is_object_with(
    {
        "address": is_string,
        "attempts": is_integer,
        **dict.fromkeys(("attempted_at", "sent_at", "given_up_at", "problem"), is_null_or(is_string)),
    }
)
NOTICE: Mapping[str, Rule] = {"message": is_message, "created_at": is_string, "deliveries": is_list_of(is_delivery)}
"""notified.json."""

STOP: Mapping[str, Rule] = {
    "requested_by": is_string,
    "requested_at": is_string,
    "mode": is_string,
    "grace_s": is_number,
}
"""stop.json."""

SPLIT: Mapping[str, Rule] = {
    "path": is_string,
    "num_images": is_integer,
    "num_unreadable": is_integer,
    "split_off": is_null_or(is_object_with({"share": is_number, "seed": is_integer})),
}
"""A split in a model card."""

VARIANT: Mapping[str, Rule] = {
    "name": is_string,
    "error": is_string,
    "model_path": is_string,
    "size_bytes": is_integer,
    "sha256": is_string,
    "test_acc": is_number,
    "original_test_acc": is_number,
    "val_acc": is_number,
    "original_val_acc": is_number,
    "agreement": is_number,
    "max_difference": is_number,
    "num_calibration_images": is_integer,
}
"""A variant in a model card of our own trainer."""

MODEL_CARD: Mapping[str, Rule] = {
    "model_name": is_string,
    "model_path": is_string,
    "dataset_name": is_string,
    "config_name": is_string,
    "class_names": is_list_of(is_string),
    "train_metrics": is_object_of(is_number),
    "test_metrics": is_object_of(is_number),
    "splits": is_object_with(dict.fromkeys(SPLITS, is_null_or(is_object_with(SPLIT)))),
    "variants": is_list_of(is_object),
    "input_shape": is_list_of(is_integer_or_null),
    "mean": is_list_of(is_number),
    "std": is_list_of(is_number),
    "value_range": is_list_of(is_number),
    "includes_preprocessing": is_boolean,
    "sha256": is_string,
    "max_difference": is_number,
    "allowed_difference": is_number,
    "tolerance": is_string,
    "explanation": is_object,
}
"""classification_model.json, or the card that the program of a `command` writes beside its model."""
