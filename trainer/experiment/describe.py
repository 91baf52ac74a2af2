"""Describe the parameters of an experiment for programs and forms. No torch."""

from __future__ import annotations

import types
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from trainer.experiment.experiment import NOT_OVERRIDABLE, Experiment

_KINDS = {int: "integer", float: "number", bool: "boolean", str: "string", tuple: "array", dict: "object"}


def describe_parameters(cls: type[Any] = Experiment, prefix: str = "") -> list[dict[str, Any]]:
    """Describe each parameter that an override may set, in file order.

    Each is {path, kind, choices, optional, default, meaning, must}. `kind` is integer, number, boolean, string, choice,
    array or object. `optional` means that null is allowed. `must` is the rule for the value in words, or null.
    """
    found: list[dict[str, Any]] = []
    hints = get_type_hints(cls)
    for each in fields(cls):
        if each.name in NOT_OVERRIDABLE:
            continue
        hint = hints[each.name]
        if is_dataclass(hint):
            found += describe_parameters(hint, f"{prefix}{each.name}.")  # type: ignore[arg-type]
        else:
            found.append(_describe(each, hint, prefix + each.name))
    return found


def _describe(each: Field[Any], hint: Any, path: str) -> dict[str, Any]:
    is_optional = get_origin(hint) in (Union, types.UnionType)
    inner = next(part for part in get_args(hint) if part is not type(None)) if is_optional else hint
    origin = get_origin(inner) or inner
    rules = [rule for check in each.metadata["checks"] if (rule := getattr(check, "error", None))]
    return {
        "path": path,
        "kind": "choice" if origin is Literal else _KINDS[origin],
        "choices": [str(choice) for choice in get_args(inner)] if origin is Literal else None,
        "optional": is_optional,
        "default": _default(each),
        "meaning": each.metadata["doc"],
        "must": "; ".join(rules) or None,
    }


def _default(each: Field[Any]) -> Any:
    if each.default is not MISSING:
        return list(each.default) if isinstance(each.default, tuple) else each.default
    return {}
