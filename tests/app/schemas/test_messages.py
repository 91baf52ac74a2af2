"""Every schema refuses wrong values in our own words, which say what would be right."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import marshmallow
import pytest
from marshmallow.fields import Dict, Field, List, Nested
from marshmallow.validate import Length, OneOf, Range

from app.factory import create_app
from app.problems import first_errors
from app.schemas.fields import Schema
from app.settings import Settings

create_app(Settings(), "threading")  # It imports every module with a schema.

RIGHT = re.compile(r"(Is missing\. )?Must .+|Unknown field\. Known fields: .+")
NUMBERS = [2**70, 10**400, -1, 0.5, math.nan, math.inf, True]
WRONG: list[Any] = [None, "", "\0", "x" * 5000, *NUMBERS, [], [[]], {}, {"": {}}]


def all_schemas(base: type[Schema] = Schema) -> Iterator[type[Schema]]:
    for schema in base.__subclasses__():
        yield schema
        yield from all_schemas(schema)


SCHEMAS = list(dict.fromkeys(all_schemas()))


def fields_of(schema: Schema) -> Iterator[Field[Any]]:
    """Yield the fields of a schema, and the fields inside arrays and objects."""
    for field in schema.fields.values():
        yield from inner_fields(field)


def inner_fields(field: Field[Any]) -> Iterator[Field[Any]]:
    yield field
    if isinstance(field, List):
        yield from inner_fields(field.inner)
    elif isinstance(field, Dict):
        for inner in filter(None, (field.key_field, field.value_field)):
            yield from inner_fields(inner)


def errors_of(schema: Schema, content: Any) -> dict[str, list[str]]:
    return first_errors(schema.validate(content))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_wrong_values_are_refused_in_our_own_words(schema: type[Schema]) -> None:
    names = list(schema().fields)
    contents = [{}, {"no_such_field": 1}, *(dict.fromkeys(names, wrong) for wrong in WRONG)]
    found = [text for content in contents for texts in errors_of(schema(), content).values() for text in texts]
    assert [text for text in found if not RIGHT.fullmatch(text)] == []
    assert errors_of(schema(), []) == {"": ["Must be an object."]}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_no_field_has_a_message_of_marshmallow(schema: type[Schema]) -> None:
    """Some values are refused only in rare cases, so this looks at all messages that a field can have."""
    assert isinstance(schema(), Schema)
    for field in fields_of(schema()):
        assert [text for text in field.error_messages.values() if not RIGHT.fullmatch(text)] == []
        for validator in field.validators:
            if isinstance(validator, Length | Range | OneOf):
                assert RIGHT.fullmatch(str(validator.error))
        if isinstance(field, Nested):
            assert issubclass(type(field.schema), Schema)


def test_the_service_has_no_other_schemas() -> None:
    ours = [each for each in marshmallow.Schema.__subclasses__() if each.__module__.startswith("app.")]
    assert ours == [Schema]
    assert len(SCHEMAS) > 40


@pytest.mark.parametrize(
    ("content", "errors"),
    [
        ({"gpus": "2"}, {"gpus": ["Must be an integer."]}),
        ({"gpus": 10**6}, {"gpus": ["Must be from 0 to 1,024."]}),
        ({"queue": "yes"}, {"queue": ["Must be true or false."]}),
        ({"config_name": 3}, {"config_name": ["Must be a string."]}),
        ({"config_name": ""}, {"config_name": ["Must have 1 to 255 characters."]}),
        ({"overrides": []}, {"overrides": ["Must be an object."]}),
    ],
)
def test_a_message_says_what_would_be_right(content: dict[str, Any], errors: dict[str, list[str]]) -> None:
    schema = next(each for each in SCHEMAS if each.__name__ == "StartRequestSchema")
    assert errors_of(schema(), content) == errors
