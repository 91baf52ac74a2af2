"""Build strict marshmallow schemas from frozen dataclasses, the only place for name, type, default, range and doc.

A value must have the declared type in YAML or JSON: "3" is not a number, 1 is not a boolean, and null needs a type with
`| None`. A choice may be written in capital letters, and as a number if it is one. The message of a wrong value says
what to write instead.
"""

from __future__ import annotations

import types
from dataclasses import MISSING, Field, field, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from marshmallow import Schema, ValidationError, post_load, pre_load
from marshmallow import fields as mm
from marshmallow.validate import Range, Validator

from trainer.experiment.strict_fields import FIELDS, AnyScalar, Choice, List, Named, Object, Scalar

T = TypeVar("T")


def parameter(default: Any = MISSING, *checks: Validator, doc: str, must: str | None = None) -> Any:
    """Declare a field: its default (required without one), the checks of its value, and its meaning and unit.

    `must` is the message for a value of a wrong type, instead of that of the type.
    """
    metadata = {"checks": checks, "doc": doc, "must": must}
    if default is MISSING:
        return field(metadata=metadata)
    if isinstance(default, dict) or (is_dataclass(default) and not isinstance(default, type)):
        return field(default_factory=type(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def between(low: float, high: float) -> Range:
    """Check that a value is from `low` to `high`, both included."""
    return Range(low, high, error=f"must be from {low:,} to {high:,}")


UNKNOWN = "unknown parameter"
"""The message of an unknown key. The caller knows the whole file and adds which parameter was probably meant."""


@cache
def schema_of(cls: type[Any]) -> Schema:
    """Build the schema that loads a mapping into the dataclass `cls` with every default filled in.

    A dataclass may have a method `problems`, which checks its fields together. It yields (field name, message), with
    the name "" for the section as a whole. If it names a field in `SHORT_FORM`, a value that is not a mapping is short
    for a mapping with this one field. An empty section or mapping, which YAML reads as null, counts as absent.
    """
    hints = get_type_hints(cls)

    class DataclassSchema(Schema):
        @pre_load
        def _widen(self, content: Any, **_: Any) -> Any:
            short = getattr(cls, "SHORT_FORM", None)
            if isinstance(content, dict):
                return {name: value for name, value in content.items() if value is not None or name not in headings}
            return content if short is None else {short: content}

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
        if each.metadata["must"] is not None:
            members[each.name].error_messages |= dict.fromkeys(("invalid", "null"), each.metadata["must"])
    headings = {name for name, each in members.items() if isinstance(each, mm.Nested | mm.Dict) and not each.allow_none}
    made: type[Schema] = type(f"{cls.__name__}Schema", (DataclassSchema,), members)
    schema = made()
    schema.error_messages |= {"unknown": UNKNOWN, "type": _must_be_section(cls)}
    return schema


def load_valid(cls: type[T], content: object) -> T | None:
    """Load a mapping that may have been changed since it was dumped. None if it is not valid."""
    try:
        loaded: T = schema_of(cls).load(content)  # type: ignore[arg-type]
    except ValidationError:
        return None
    return loaded


@cache
def walk(cls: type[Any], prefix: str = "") -> tuple[tuple[str, Field[Any], Any], ...]:
    """Return the dotted path, the field and the type of every parameter and section of `cls`, in file order."""
    hints, found = get_type_hints(cls), []
    for each in fields(cls):
        found.append((prefix + each.name, each, hints[each.name]))
        inner = without_none(hints[each.name])
        if is_dataclass(inner):
            found += walk(inner, f"{prefix}{each.name}.")  # type: ignore[arg-type]
    return tuple(found)


def without_none(hint: Any) -> Any:
    """Return X for the type `X | None`, and any other type as it is."""
    if get_origin(hint) not in (Union, types.UnionType) or type(None) not in get_args(hint):
        return hint
    return Union[tuple(each for each in get_args(hint) if each is not type(None))]  # noqa: UP007


def _must_be_section(cls: type[Any]) -> str:
    return f"must be a section with the parameters {', '.join(each.name for each in fields(cls))}"


def flatten_errors(messages: Any, prefix: str = "") -> dict[str, list[str]]:
    """Flatten marshmallow's nested messages to {dotted path: messages}."""
    if not isinstance(messages, dict):
        return {prefix: [str(message) for message in messages]}
    flat: dict[str, list[str]] = {}
    for key, value in messages.items():
        path = prefix if key in ("", "_schema") else f"{prefix}.{key}" if prefix else str(key)
        for name, texts in flatten_errors(value, path).items():
            flat.setdefault(name, []).extend(texts)
    return flat


def _field_of(hint: Any, **options: Any) -> mm.Field[Any]:
    if (inner := without_none(hint)) is not hint:
        return _field_of(inner, allow_none=True, **options)
    origin, arguments = get_origin(hint), get_args(hint)
    options["error_messages"] = {"required": "is required"}
    if hint == Scalar:
        return AnyScalar(**options)
    if origin is Literal:
        return Choice([str(each) for each in arguments], **options)
    if origin is tuple:
        return List(_field_of(arguments[0]), **options)
    if origin is dict:
        return Object(**options) if arguments[1] is Any else Named(_field_of(arguments[1]), **options)
    if is_dataclass(hint):
        options["error_messages"] |= dict.fromkeys(("type", "null"), _must_be_section(hint))  # type: ignore[arg-type]
        return mm.Nested(schema_of(hint), **options)  # type: ignore[arg-type]
    return FIELDS[hint](**options)
