"""Facts that another program, or an older version of ours, wrote: what has another type than described is absent."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

Rule = Callable[[Any], bool]


def well_typed(content: Mapping[str, Any], rules: Mapping[str, Rule]) -> dict[str, Any]:
    """Return `content` with None for each value that its rule refuses; what has no rule stays."""
    return {name: value if rules.get(name, _anything)(value) else None for name, value in content.items()}


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    return is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def is_object(value: Any) -> bool:
    return isinstance(value, dict)


def is_list_of(rule: Rule) -> Rule:
    return lambda value: isinstance(value, list) and all(map(rule, value))


def is_object_of(rule: Rule) -> Rule:
    return lambda value: isinstance(value, dict) and all(each is None or rule(each) for each in value.values())


def _anything(_: Any) -> bool:
    return True


PROGRESS: Mapping[str, Rule] = {
    "phase": is_text,
    "epoch": is_number,
    "max_epochs": is_number,
    "batch": is_whole,
    "num_batches": is_whole,
    "step": is_number,
    "total_steps": is_number,
    "samples_per_s": is_number,
    "eta_s": is_number,
}
"""progress.json; a `command` may write its own, and count epochs in fractions."""

MODEL_CARD: Mapping[str, Rule] = {
    "dataset_name": is_text,
    "config_name": is_text,
    "class_names": is_list_of(is_text),
    "train_metrics": is_object_of(is_number),
    "test_metrics": is_object_of(is_number),
    "splits": is_object,
    "variants": is_list_of(is_object),
    "max_difference": is_number,
    "allowed_difference": is_number,
    "tolerance": is_text,
}
"""classification_model.json, beside what the service itself knows of the file."""
