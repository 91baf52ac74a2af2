"""Strict marshmallow fields: a value must have the declared type, and the message says what to write instead."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from marshmallow import ValidationError
from marshmallow import fields as mm
from marshmallow.validate import Length


def must_be(what: str) -> dict[str, Any]:
    return {"invalid": f"must be {what}", "null": f"must be {what}, not null"}


def _refusal(field: mm.Field[Any], value: Any, meant: Any = None) -> ValidationError:
    """Make the error for `value`. If only `meant` can be meant, the message says to write that."""
    problem = field.error_messages["invalid"]
    quotes = " without quotes" if isinstance(value, str) and not isinstance(meant, list) else ""
    if field.allow_none and isinstance(value, str) and value.lower() in ("null", "none", "~", ""):
        return ValidationError(f"{problem} or null; write null without quotes")
    return ValidationError(problem if meant is None else f"{problem}; write {json.dumps(meant)}{quotes}")


def _number_in(value: Any) -> int | float | None:
    """Return the finite number in a text, with a comma or a point.

    None for anything else, and for a text such as 1,000 or 1.000, which may mean 1 as well as 1000.
    """
    if isinstance(value, str) and not re.fullmatch(r"[+-]?[1-9]\d{0,2}([,.]\d{3})+", value.strip()):
        with suppress(ValueError):
            number = float(value.replace(",", "."))
            if math.isfinite(number):
                return int(number) if number.is_integer() else number
    return None


class Integer(mm.Integer):
    default_error_messages = must_be("a whole number")

    def __init__(self, **options: Any) -> None:
        super().__init__(strict=True, **options)

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> int:
        if isinstance(value, str | float):
            meant = value if isinstance(value, float) else _number_in(value)
            raise _refusal(self, value, int(meant) if meant is not None and float(meant).is_integer() else None)
        return super()._deserialize(value, attr, data, **options)


class Number(mm.Float):
    default_error_messages = must_be("a number") | dict.fromkeys(("special", "too_large"), "must be finite")

    def _validated(self, value: Any) -> float:
        if isinstance(value, str):
            raise _refusal(self, value, _number_in(value))
        return super()._validated(value)


_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Boolean(mm.Boolean):
    default_error_messages = must_be("true or false")

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> bool:
        if isinstance(value, bool):
            return value
        raise _refusal(self, value, _WORDS.get(value.lower()) if isinstance(value, str) else None)


class String(mm.String):
    default_error_messages = must_be("text")

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> str:
        if isinstance(value, bool | int | float):
            raise ValidationError(f'{self.error_messages["invalid"]}; put it in quotes: "{json.dumps(value)}"')
        if isinstance(value, dict) and list(value.values()) == [None]:  # {name} without quotes
            raise ValidationError(f'{self.error_messages["invalid"]}; put it in quotes: "{{{next(iter(value))}}}"')
        if not isinstance(value, str):
            raise self.make_error("invalid")
        text: str = super()._deserialize(value, attr, data, **options)
        if "\0" in text:
            raise ValidationError("must not contain a NUL character")
        _check_unicode(text)
        return text


def _check_unicode(text: str) -> None:
    """Refuse half of a surrogate pair, such as "\\ud800" in YAML: no file and no argument can hold it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValidationError("must be valid Unicode, without single surrogates") from None


Scalar = bool | int | float | str
"""A single value, as YAML and JSON have it."""


class AnyScalar(mm.Field[Scalar]):
    """A single value of any type."""

    default_error_messages = must_be("true or false, a number or a text")

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> Scalar:
        if isinstance(value, str):
            return String().deserialize(value)
        if not isinstance(value, bool | int | float) or not math.isfinite(value):
            raise self.make_error("invalid")
        return value


FIELDS: dict[type, type[mm.Field[Any]]] = {bool: Boolean, int: Integer, float: Number, str: String}
KINDS = {bool: "boolean", int: "integer", float: "number", str: "string"}
"""The names of the types of values in descriptions."""


def messages_of(field: mm.Field[Any], value: object) -> list[str]:
    """Return what is wrong with a value. Empty if it is valid."""
    try:
        field.deserialize(value)
    except ValidationError as error:
        return [str(message) for message in error.messages]
    return []


class Choice(mm.Field[str]):
    """One of several texts, in any case. A number stands for its digits."""

    def __init__(self, names: Sequence[str], **options: Any) -> None:
        super().__init__(**options)
        self._names = {name.lower(): name for name in names}
        problem = f"must be one of: {', '.join(names)}"
        self.error_messages |= {"invalid": problem, "null": problem}

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> str:
        is_plain = isinstance(value, str | int) and not isinstance(value, bool)
        name = self._names.get(str(value).lower()) if is_plain else None
        if name is None:
            raise self.make_error("invalid")
        return name


class Object(mm.Dict):
    """A mapping of any JSON values, with numbers of at most 64 bits."""

    default_error_messages = must_be("a mapping")

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> dict[str, Any]:
        content: dict[str, Any] = super()._deserialize(value, attr, data, **options)  # type: ignore[no-untyped-call]
        _check_json(content)
        return content


def _check_json(value: Any) -> None:
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValidationError("keys must be text")
        for each in (*value, *value.values()):
            _check_json(each)
    elif isinstance(value, list):
        for each in value:
            _check_json(each)
    elif isinstance(value, str):
        _check_unicode(value)
    elif isinstance(value, bool) or value is None:
        return
    elif not isinstance(value, int | float) or not math.isfinite(value) or abs(value) >= 2**63:
        raise ValidationError("must contain only finite 64-bit numbers, texts, true, false, null, lists and mappings")


class List(mm.List[Any]):
    default_error_messages = must_be("a list")

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> Any:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            raise _refusal(self, value, self._meant(value))
        return tuple(super()._deserialize(value, attr, data, **options))

    def _meant(self, value: str | float) -> list[Any] | None:
        """Return the only list that can be meant. A single whole number may be an element or the number of elements."""
        if isinstance(self.inner, Integer):
            return None
        lists = [value.split(), value.replace(",", " ").split()] if isinstance(value, str) else [[value]]
        return next((each for each in lists if not any(messages_of(self.inner, element) for element in each)), None)


class Named(mm.Dict):
    """A mapping from names to values of one kind."""

    default_error_messages = must_be("a mapping")

    def __init__(self, value: mm.Field[Any], **options: Any) -> None:
        super().__init__(**options)
        self._value = value

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> dict[str, Any]:
        content: dict[str, Any] = super()._deserialize(value, attr, data, **options)  # type: ignore[no-untyped-call]
        errors: dict[str, Any] = {}
        for name, each in content.items():
            if messages := messages_of(String(validate=_NOT_EMPTY), name):
                errors[""] = messages
                continue
            try:
                content[name] = self._value.deserialize(each)
            except ValidationError as error:
                errors[name] = error.messages
        if errors:
            raise ValidationError(errors)
        return content


_NOT_EMPTY = Length(1, error="names must have at least one character")
