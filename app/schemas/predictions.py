"""Schemas of predictions."""

from __future__ import annotations

from app.schemas import fields
from app.schemas.fields import Schema


class ClassSchema(Schema):
    name = fields.string()
    probability = fields.number()


class PredictionSchema(Schema):
    file = fields.string("Name of the image as it was sent.")
    classes = fields.array(ClassSchema, "The most probable class first.")
    heatmap = fields.string(
        "PNG as a data URL, covering the entire image: bright where the model found the predicted class. null: the "
        "model has no heatmap.",
        allow_none=True,
    )


class PreprocessingSchema(Schema):
    """How an image becomes the model's input: scaled to a square, then normalised."""

    channels = fields.integer("1: grey. 3: RGB.")
    image_size = fields.integer("Width and height in pixels.")
    value_range = fields.array(
        fields.number(), "Black and white of images with more than 8 bits per channel.", allow_none=True
    )
    mean = fields.array(fields.number(), "By channel, of values from 0 to 1.")
    std = fields.array(fields.number(), "By channel.")
    includes_preprocessing = fields.boolean("Whether the ONNX file itself normalises.")


class PredictionAnswerSchema(Schema):
    predictions = fields.array(PredictionSchema, "In the order of the images.")
    preprocessing = fields.nested(PreprocessingSchema)
    is_tested = fields.boolean("false: the model was never tested, so its accuracy is unknown.")
    duration_ms = fields.number("Time for loading the model if it was not loaded, reading the images and predicting.")
