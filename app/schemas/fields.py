"""The base and the fields of our schemas: marshmallow's, with the description first and with our own error messages.

A field without a default is required. Every message says what would be right.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import marshmallow
from marshmallow import fields
from marshmallow.validate import Length, OneOf, Range


class Schema(marshmallow.Schema):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.error_messages = {
            "type": "Must be an object.",
            "unknown": f"Unknown field. Known fields: {', '.join(self.fields)}.",
        }


def length(minimum: int, maximum: int) -> Length:
    """Limit the length of a string."""
    number = f"{minimum} to {maximum:,}" if minimum else f"at most {maximum:,}"
    return Length(minimum, maximum, error=f"Must have {number} characters.")


def between(minimum: int, maximum: int) -> Range:
    return Range(minimum, maximum, error=f"Must be from {minimum:,} to {maximum:,}.")


def string(about: str = "", *, one_of: Iterable[str] = (), **options: Any) -> fields.String:
    return fields.String(**_options("a string", about, options, one_of))


def integer(about: str = "", *, one_of: Iterable[int] = (), **options: Any) -> fields.Integer:
    return fields.Integer(**_options("an integer", about, options, one_of))


def size() -> fields.Integer:
    """The size of a run."""
    about = "Bytes of all files of the run, each hard-linked file once, without what links lead to. null: not measured"
    return integer(f"{about} yet, or a folder cannot be read.", allow_none=True)


def number(about: str = "", **options: Any) -> fields.Float:
    return fields.Float(**_options("a finite number", about, options))


def boolean(about: str = "", **options: Any) -> fields.Boolean:
    return fields.Boolean(**_options("0 or 1, or true or false", about, options))


class _StrictInteger(fields.Integer):
    """An integer in JSON, where 3.0 is one. marshmallow takes texts too, or refuses 3.0 with `strict`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            return super()._deserialize(int(value), attr, data, **options)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **options)


def strict_integer(about: str = "", **options: Any) -> fields.Integer:
    return _StrictInteger(**_options("an integer", about, options))


class _StrictBoolean(fields.Boolean):
    """A boolean in JSON. marshmallow takes 1, "yes" and more."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


def strict_boolean(about: str = "", **options: Any) -> fields.Boolean:
    return _StrictBoolean(**_options("true or false", about, options))


def anything(about: str = "", **options: Any) -> fields.Raw:
    return fields.Raw(**_options("a value", about, options))


def nested(schema: type[Schema], about: str = "", **options: Any) -> fields.Nested:
    return fields.Nested(schema, **_options("an object", about, options))


def array(items: fields.Field[Any] | type[Schema], about: str = "", **options: Any) -> fields.List[Any]:
    return fields.List(
        items if isinstance(items, fields.Field) else nested(items), **_options("an array", about, options)
    )


def mapping(values: fields.Field[Any] | None = None, about: str = "", **options: Any) -> fields.Dict:
    """Declare an object with any names. `values` is the form of each value. None allows any value."""
    return fields.Dict(**_options("an object", about, {"keys": string(), "values": values} | options))


def _options(kind: str, about: str, options: dict[str, Any], one_of: Iterable[Any] = ()) -> dict[str, Any]:
    """Return marshmallow's options. Only the OpenAPI document has `example` and the JSON Schema in `documented`.

    An `optional` field may be null or missing.
    """
    must = f"Must be {kind}."
    if options.pop("optional", False):
        options |= {"required": False, "allow_none": True}
    if choices := tuple(one_of):
        options["validate"] = OneOf(choices, error=f"Must be one of {', '.join(map(str, choices))}.")
    metadata = dict(options.pop("documented", {}))
    if about:
        metadata["description"] = about
    if "example" in options:
        metadata["example"] = options.pop("example")
    messages = dict.fromkeys(_REASONS, must) | {"required": f"Is missing. {must}"}
    return {"required": "load_default" not in options, "metadata": metadata, "error_messages": messages, **options}


_REASONS = ("null", "validator_failed", "invalid", "invalid_utf8", "type", "special", "too_large")
"""The keys of marshmallow's own messages, of all kinds of fields. Unused ones do no harm."""
