"""The fields of our schemas: marshmallow's, with the description first. A field without a default is required."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from marshmallow import Schema, fields, validate


def string(about: str = "", *, one_of: Iterable[str] = (), **options: Any) -> fields.String:
    if one_of:
        options["validate"] = validate.OneOf(tuple(one_of))
    return fields.String(**_options(about, options))


def integer(about: str = "", **options: Any) -> fields.Integer:
    return fields.Integer(**_options(about, options))


def size() -> fields.Integer:
    """The size of a run."""
    about = "Bytes of all files of the run, each hard-linked file once, without what links lead to. null: not measured"
    return integer(f"{about} yet, or a folder cannot be read.", allow_none=True)


def number(about: str = "", **options: Any) -> fields.Float:
    return fields.Float(**_options(about, options))


def boolean(about: str = "", **options: Any) -> fields.Boolean:
    return fields.Boolean(**_options(about, options))


class _StrictInteger(fields.Integer):
    """An integer in JSON, where 3.0 is one. marshmallow takes texts too, or refuses 3.0 with `strict`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            return super()._deserialize(int(value), attr, data, **options)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **options)


def strict_integer(about: str = "", **options: Any) -> fields.Integer:
    return _StrictInteger(**_options(about, options))


class _StrictBoolean(fields.Boolean):
    """A boolean in JSON. marshmallow takes 1, "yes" and more."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


def strict_boolean(about: str = "", **options: Any) -> fields.Boolean:
    return _StrictBoolean(**_options(about, options))


def anything(about: str = "", **options: Any) -> fields.Raw:
    return fields.Raw(**_options(about, options))


def nested(schema: type[Schema], about: str = "", **options: Any) -> fields.Nested:
    return fields.Nested(schema, **_options(about, options))


def array(items: fields.Field[Any] | type[Schema], about: str = "", **options: Any) -> fields.List[Any]:
    return fields.List(items if isinstance(items, fields.Field) else nested(items), **_options(about, options))


def mapping(values: fields.Field[Any] | None = None, about: str = "", **options: Any) -> fields.Dict:
    """Declare an object with any names. `values` is the form of each value. None allows any value."""
    return fields.Dict(**_options(about, {"keys": string(), "values": values} | options))


def _options(about: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return marshmallow's options. Only the OpenAPI document has `example` and the JSON Schema in `documented`."""
    metadata = dict(options.pop("documented", {}))
    if about:
        metadata["description"] = about
    if "example" in options:
        metadata["example"] = options.pop("example")
    return {"required": "load_default" not in options, "metadata": metadata, **options}
