"""What is answered to who chooses what to start: what can be set, what it would come to, how the images look."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate


class ObstacleSchema(Schema):
    code = fields.Integer(required=True, metadata={"description": "Status of the start's answer: 409 or 507."})
    message = fields.String(required=True)


class CheckedSchema(Schema):
    request = fields.Dict(required=True, metadata={"description": "As it would be kept, every value filled in."})
    experiment = fields.Dict(required=True, metadata={"description": "Every default and override applied."})
    obstacles = fields.List(
        fields.Nested(ObstacleSchema),
        required=True,
        metadata={"description": "What would refuse the start at this moment: an active run, a full disk."},
    )


class _AnyValue(fields.Raw):
    """A value of one of the kinds that a parameter may have, or null."""

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
    default = _AnyValue(required=True, metadata={"description": "What counts where nothing is set."})
    meaning = fields.String(required=True)
    must = fields.String(required=True, allow_none=True, metadata={"description": "The rule for its value."})


class ParameterListSchema(Schema):
    parameters = fields.List(fields.Nested(ParameterSchema), required=True)


class PreviewClassSchema(Schema):
    class_name = fields.String(required=True)
    num_images = fields.Integer(required=True)
    images = fields.List(fields.String(), required=True, metadata={"description": "data: URLs of PNG files."})


class PreviewSchema(Schema):
    dataset_name = fields.String(required=True)
    split = fields.String(required=True)
    num_classes = fields.Integer(required=True, metadata={"description": "Of all; `classes` are the first ones."})
    classes = fields.List(fields.Nested(PreviewClassSchema), required=True)
