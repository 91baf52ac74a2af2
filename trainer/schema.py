"""Strict marshmallow schemas from frozen dataclasses: name, type, default, range and doc of a setting stand once.

A value must have the declared type as YAML or JSON wrote it: "3" is no number, 1 is no boolean, null only where the
type says `| None`. Unknown keys are refused with the nearest known name.
"""

from __future__ import annotations

import difflib
import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, field, fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from marshmallow import EXCLUDE, Schema, ValidationError, post_load, validates_schema
from marshmallow import fields as mm
from marshmallow.validate import Length, OneOf, Range, Validator


def setting(default: Any = MISSING, *checks: Validator, doc: str) -> Any:
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


_NO_MAPPING = {"type": "must be a mapping of settings"}


@cache
def schema_of(cls: type[Any]) -> Schema:
    """Build the schema that loads a mapping into the dataclass `cls`, every default filled in.

    A dataclass may have a method `problems`, which yields what is wrong between its fields as (field name, message);
    the name "" stands for the section as a whole.
    """
    hints = get_type_hints(cls)

    class DataclassSchema(Schema):
        error_messages = _NO_MAPPING

        @validates_schema(pass_original=True, skip_on_field_errors=False)
        def _name_unknown(self, _data: Any, original: Any, **_: Any) -> None:
            if not isinstance(original, Mapping):
                return  # Which is what the message says already.
            unknown = [key for key in original if key not in self.fields]
            if unknown:
                raise ValidationError({key: [unknown_name(key, self.fields)] for key in unknown})

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
    # Unknown keys are named by _name_unknown, with a suggestion; marshmallow's own message would come beside it.
    made: type[Schema] = type(f"{cls.__name__}Schema", (DataclassSchema,), members)
    return made(unknown=EXCLUDE)


def unknown_name(name: str, known: Mapping[str, Any] | list[str]) -> str:
    """Say that `name` is unknown and what was probably meant."""
    near = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.5)
    return f"unknown setting; did you mean {near[0]}" if near else f"unknown setting; known are {', '.join(known)}"


def flatten_errors(messages: Any, prefix: str = "") -> dict[str, list[str]]:
    """Turn marshmallow's nested messages into {dotted path: messages}."""
    if not isinstance(messages, dict):
        return {prefix: [str(message) for message in messages]}
    flat: dict[str, list[str]] = {}
    for key, value in messages.items():
        # "_schema" (the value as a whole) and the "key"/"value" levels of a mapping are no part of the path.
        path = prefix if key in ("", "_schema", "key", "value") else f"{prefix}.{key}" if prefix else str(key)
        for name, texts in flatten_errors(value, path).items():
            flat.setdefault(name, []).extend(texts)
    return flat


def _must_be(what: str) -> dict[str, Any]:
    return {"invalid": f"must be {what}", "null": f"must be {what}, not null"}


class _Whole(mm.Integer):
    default_error_messages = _must_be("a whole number")

    def __init__(self, **options: Any) -> None:
        super().__init__(strict=True, **options)


class _Number(mm.Float):
    default_error_messages = _must_be("a number") | {"special": "must be finite"}

    def _validated(self, value: Any) -> float:
        if isinstance(value, str):
            raise self.make_error("invalid")
        return super()._validated(value)


class _Truth(mm.Boolean):
    default_error_messages = _must_be("true or false")

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class _Text(mm.String):
    default_error_messages = _must_be("text (in quotes)")

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> str:
        if isinstance(value, bytes):
            raise self.make_error("invalid")
        text: str = super()._deserialize(value, attr, data, **options)
        if "\0" in text:
            raise ValidationError("must not contain a NUL character")
        return text


class _Json(mm.Dict):
    """A mapping of whatever JSON can say, at most 64-bit numbers."""

    default_error_messages = _must_be("a mapping")

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> dict[str, Any]:
        content: dict[str, Any] = super()._deserialize(value, attr, data, **options)  # type: ignore[no-untyped-call]
        _check_json(content)
        return content


def _check_json(value: Any) -> None:
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValidationError("keys must be text")
        for each in value.values():
            _check_json(each)
    elif isinstance(value, list):
        for each in value:
            _check_json(each)
    elif isinstance(value, bool | str) or value is None:
        return
    elif not isinstance(value, int | float) or not math.isfinite(value) or abs(value) >= 2**63:
        raise ValidationError("must hold only finite 64-bit numbers, text, true, false, null, lists and mappings")


_FIELDS: dict[Any, type[mm.Field[Any]]] = {int: _Whole, float: _Number, bool: _Truth, str: _Text}


def _field_of(hint: Any, **options: Any) -> mm.Field[Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = next(each for each in arguments if each is not type(None))
        return _field_of(inner, allow_none=True, **options)
    options["error_messages"] = {"required": "is required"}
    if origin is Literal:
        names = [str(each) for each in arguments]
        return _Text(**{**options, "validate": OneOf(names, error="must be one of: {choices}")})
    if origin is tuple:
        options["error_messages"] |= _must_be("a list")
        return _Tuple(_field_of(arguments[0]), **options)
    if origin is dict:
        return _Json(**options) if arguments[1] is Any else _texts(options)
    if is_dataclass(hint):
        options["error_messages"] |= _must_be("a mapping of settings")
        return mm.Nested(schema_of(hint), **options)  # type: ignore[arg-type]
    return _FIELDS[hint](**options)


class _Tuple(mm.List[Any]):
    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> Any:
        return tuple(super()._deserialize(value, attr, data, **options))


def _texts(options: dict[str, Any]) -> mm.Dict:
    options["error_messages"] |= _must_be("a mapping of texts")
    return mm.Dict(keys=_Text(validate=Length(1)), values=_Text(), **options)
