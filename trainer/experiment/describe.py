"""Describe the parameters of an experiment for programs and forms. No torch."""

from __future__ import annotations

from dataclasses import MISSING, Field, is_dataclass
from functools import reduce
from typing import Any, Literal, get_args, get_origin

from trainer.experiment.experiment import Experiment, dump, is_only_in_file
from trainer.experiment.schema import walk, without_none
from trainer.experiment.strict_fields import KINDS

_KINDS = {**KINDS, tuple: "array", dict: "object"}


def describe_parameters(experiment: Experiment | None = None) -> list[dict[str, Any]]:
    """Describe each parameter that an override may set, in file order: those of our trainer, or of an experiment.

    Each is {path, kind, choices, optional, default, meaning, must}. `kind` is integer, number, boolean, string, choice,
    array or object. `optional` means that null is allowed. `must` is the rule for the value in words, or null.
    `default` is the value without an override: the experiment's own, if there is one.
    """
    if experiment is not None and experiment.command is not None:
        return [each.describe(name) for name, each in experiment.command.parameters.items()]
    parameters = [each for each in walk(Experiment) if not is_dataclass(each[2]) and not is_only_in_file(each[0])]
    described = [_describe(*each) for each in parameters]
    if experiment is None:
        return described
    content = dump(experiment)
    return [each | {"default": _value_at(content, each["path"])} for each in described]


def _value_at(content: dict[str, Any], path: str) -> Any:
    return reduce(lambda value, name: value[name], path.split("."), content)


def _describe(path: str, field: Field[Any], hint: Any) -> dict[str, Any]:
    inner = without_none(hint)
    origin = get_origin(inner) or inner
    rules = [rule for check in field.metadata["checks"] if (rule := getattr(check, "error", None))]
    return {
        "path": path,
        "kind": "choice" if origin is Literal else _KINDS[origin],
        "choices": [str(choice) for choice in get_args(inner)] if origin is Literal else None,
        "optional": inner is not hint,
        "default": _default(field),
        "meaning": field.metadata["doc"],
        "must": "; ".join(rules) or None,
    }


def _default(field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return list(field.default) if isinstance(field.default, tuple) else field.default
    return {}
