"""Schemas for choosing what to start: the parameters, the effect of a start, a preview of the images."""

from __future__ import annotations

from app.schemas import fields
from app.schemas.fields import Schema
from app.schemas.runs import RunRequestSchema
from trainer.dataset.splits import SPLITS


class ObstacleSchema(Schema):
    code = fields.integer("HTTP status that the start would have.", one_of=[409, 507])
    message = fields.string()


class CheckedSchema(Schema):
    request = fields.nested(RunRequestSchema, "The request as run.json would have it, with all defaults.")
    experiment = fields.mapping(about="The experiment with all defaults and overrides.")
    obstacles = fields.array(ObstacleSchema, "What prevents the start at the moment: an active run, a full disk.")


ANY_VALUE = (
    {"type": "null"},
    {"type": "string"},
    {"type": "number"},
    {"type": "boolean"},
    {"type": "array", "items": {"type": ["string", "number"]}},
    {"type": "object", "additionalProperties": {}},
)


class ParameterSchema(Schema):
    path = fields.string(example="trainer.max_epochs")
    kind = fields.string(one_of=["integer", "number", "boolean", "string", "choice", "array", "object"])
    choices = fields.array(
        fields.anything(documented={"type": ["string", "number"]}), "The only values. null: any.", allow_none=True
    )
    optional = fields.boolean("Whether null is allowed.")
    default = fields.anything("The value without an override.", documented={"anyOf": ANY_VALUE})
    meaning = fields.string()
    must = fields.string("The rule for its value.", allow_none=True)


class ParameterListSchema(Schema):
    parameters = fields.array(ParameterSchema)


class PreviewClassSchema(Schema):
    class_name = fields.string()
    num_images = fields.integer()
    images = fields.array(fields.string(), "PNG files as data: URLs.")


class PreviewSchema(Schema):
    dataset_name = fields.string()
    split = fields.string(one_of=SPLITS)
    num_classes = fields.integer("All classes of the split. `classes` are the first of them.")
    classes = fields.array(PreviewClassSchema)
