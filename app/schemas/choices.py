"""Schemas for choosing what to start: the parameters, the effect of a start, a preview of the images."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate


class ObstacleSchema(Schema):
    code = fields.Integer(required=True, metadata={"description": "HTTP status that the start would have: 409 or 507."})
    message = fields.String(required=True)


class CheckedSchema(Schema):
    request = fields.Dict(
        required=True, metadata={"description": "The request as run.json would have it, with all defaults."}
    )
    experiment = fields.Dict(required=True, metadata={"description": "The experiment with all defaults and overrides."})
    obstacles = fields.List(
        fields.Nested(ObstacleSchema),
        required=True,
        metadata={"description": "What prevents the start at the moment: an active run, a full disk."},
    )


class _AnyValue(fields.Raw):
    """A value of any kind that a parameter can have, or null."""

    ALTERNATIVES = (
        {"type": "null"},
        {"type": "string"},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "array", "items": {"type": ["string", "number"]}},
        {"type": "object", "additionalProperties": {}},
    )

    def __init__(self, **options: Any) -> None:
        metadata = options.pop("metadata", {}) | {"anyOf": list(self.ALTERNATIVES)}
        super().__init__(metadata=metadata, **options)


class ParameterSchema(Schema):
    path = fields.String(required=True, metadata={"example": "trainer.max_epochs"})
    kind = fields.String(
        required=True,
        validate=validate.OneOf(["integer", "number", "boolean", "string", "choice", "array", "object"]),
    )
    choices = fields.List(fields.String(), required=True, allow_none=True)
    optional = fields.Boolean(required=True, metadata={"description": "Whether null is allowed."})
    default = _AnyValue(required=True, metadata={"description": "The value without an override."})
    meaning = fields.String(required=True)
    must = fields.String(required=True, allow_none=True, metadata={"description": "The rule for its value."})


class ParameterListSchema(Schema):
    parameters = fields.List(fields.Nested(ParameterSchema), required=True)


class PreviewClassSchema(Schema):
    class_name = fields.String(required=True)
    num_images = fields.Integer(required=True)
    images = fields.List(fields.String(), required=True, metadata={"description": "PNG files as data: URLs."})


class PreviewSchema(Schema):
    dataset_name = fields.String(required=True)
    split = fields.String(required=True)
    num_classes = fields.Integer(
        required=True, metadata={"description": "All classes of the split. `classes` are the first of them."}
    )
    classes = fields.List(fields.Nested(PreviewClassSchema), required=True)
