"""Strict marshmallow schemas from frozen dataclasses: name, type, default, range and doc of a setting stand once.

A value must have the declared type as YAML or JSON wrote it: "3" is no number, 1 is no boolean, null only where the
type says `| None`. A choice between numbers may be written as a number, and in capital letters. The message of a wrong
value says what to write instead.
"""

from __future__ import annotations

import types
from dataclasses import MISSING, field, fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from marshmallow import Schema, ValidationError, post_load
from marshmallow import fields as mm
from marshmallow.validate import Range, Validator

from trainer.experiment.strict_fields import Boolean, Choice, Integer, List, Number, Object, String, Texts


def parameter(default: Any = MISSING, *checks: Validator, doc: str) -> Any:
    """Declare a dataclass field: its default (none = required), the checks of its value, its meaning and unit."""
    metadata = {"checks": checks, "doc": doc}
    if default is MISSING:
        return field(metadata=metadata)
    if isinstance(default, dict) or (is_dataclass(default) and not isinstance(default, type)):
        return field(default_factory=type(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def between(low: float, high: float) -> Range:
    """Both ends are allowed."""
    return Range(low, high, error=f"must be from {low:,} to {high:,}")


UNKNOWN = "unknown setting"
"""The message of a key that a section does not have; the caller knows the whole file and can say what was meant."""


@cache
def schema_of(cls: type[Any]) -> Schema:
    """Build the schema that loads a mapping into the dataclass `cls`, every default filled in.

    A dataclass may have a method `problems`, which yields what is wrong between its fields as (field name, message);
    the name "" stands for the section as a whole.
    """
    hints = get_type_hints(cls)

    class DataclassSchema(Schema):
        @post_load
        def _make(self, values: dict[str, Any], **_: Any) -> Any:
            made = cls(**values)
            problems: dict[str, list[str]] = {}
            for name, message in made.problems() if hasattr(made, "problems") else ():
                problems.setdefault(name, []).append(message)
            if problems:
                raise ValidationError(problems)
            return made

    members: dict[str, Any] = {}
    for each in fields(cls):
        checks = list(each.metadata["checks"])
        required = each.default is MISSING and each.default_factory is MISSING
        members[each.name] = _field_of(hints[each.name], validate=checks, required=required)
    made: type[Schema] = type(f"{cls.__name__}Schema", (DataclassSchema,), members)
    schema = made()
    schema.error_messages |= {"unknown": UNKNOWN, "type": _must_be_section(cls)}
    return schema


def list_paths(cls: type[Any], prefix: str = "") -> list[str]:
    """The dotted path of every setting and section of the dataclass `cls`, in file order."""
    paths: list[str] = []
    hints = get_type_hints(cls)
    for each in fields(cls):
        paths.append(prefix + each.name)
        inner = next((part for part in (hints[each.name], *get_args(hints[each.name])) if is_dataclass(part)), None)
        if inner is not None:
            paths += list_paths(inner, f"{prefix}{each.name}.")  # type: ignore[arg-type]
    return paths


def _must_be_section(cls: type[Any]) -> str:
    return f"must be a section with settings: {', '.join(each.name for each in fields(cls))}"


def flatten_errors(messages: Any, prefix: str = "") -> dict[str, list[str]]:
    """Turn marshmallow's nested messages into {dotted path: messages}."""
    if not isinstance(messages, dict):
        return {prefix: [str(message) for message in messages]}
    flat: dict[str, list[str]] = {}
    for key, value in messages.items():
        path = prefix if key in ("", "_schema") else f"{prefix}.{key}" if prefix else str(key)
        for name, texts in flatten_errors(value, path).items():
            flat.setdefault(name, []).extend(texts)
    return flat


_FIELDS: dict[Any, type[mm.Field[Any]]] = {int: Integer, float: Number, bool: Boolean, str: String}


def _field_of(hint: Any, **options: Any) -> mm.Field[Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = next(each for each in arguments if each is not type(None))
        return _field_of(inner, allow_none=True, **options)
    options["error_messages"] = {"required": "is required"}
    if origin is Literal:
        return Choice([str(each) for each in arguments], **options)
    if origin is tuple:
        return List(_field_of(arguments[0]), **options)
    if origin is dict:
        return Object(**options) if arguments[1] is Any else Texts(**options)
    if is_dataclass(hint):
        options["error_messages"] |= dict.fromkeys(("type", "null"), _must_be_section(hint))  # type: ignore[arg-type]
        return mm.Nested(schema_of(hint), **options)  # type: ignore[arg-type]
    return _FIELDS[hint](**options)
