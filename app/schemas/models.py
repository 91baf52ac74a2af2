"""Schemas of answers about models."""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE, Schema
from marshmallow.fields import Field

from app.schemas import fields


def _metrics(about: str) -> Field[Any]:
    return fields.mapping(fields.number(allow_none=True), about, allow_none=True, required=False)


class ModelPathListSchema(Schema):
    model_paths = fields.array(fields.string())


class ExternalDataSchema(Schema):
    path = fields.string("Path relative to the folder of the ONNX file.")
    size_bytes = fields.integer()


class ModelCardSchema(Schema):
    """The content of the model's card, and what the service knows of the file."""

    class Meta:
        unknown = INCLUDE

    run_id = fields.string()
    model_name = fields.string()
    model_path = fields.string("Absolute path of the file.")
    file = fields.string("Path of the file inside the run, for a download.", example="output/weights/best.pt")
    size_bytes = fields.integer("Size of that file.")
    modified_at = fields.string("When the file was written. The program of an active run may write it again.")
    is_verified = fields.boolean(
        "true: our own trainer compared the ONNX file with the network. false: the file is as its program wrote it."
    )
    is_tested = fields.boolean("false: the card has no results of a test, so the accuracy is unknown.")
    external_data = fields.array(
        ExternalDataSchema,
        "The other files that hold tensors of the ONNX file. A download brings them too. null: there are none.",
        allow_none=True,
    )
    problem = fields.string("Why the model cannot be downloaded whole. null: it can.", allow_none=True)
    dataset_name = fields.string(allow_none=True, required=False)
    config_name = fields.string("Experiment file.", allow_none=True, required=False)
    class_names = fields.array(fields.string(), "In the order of the model's outputs.", allow_none=True, required=False)
    train_metrics = _metrics("Metrics of the checkpoint's epoch, such as train/loss.")
    test_metrics = _metrics("Metrics such as test/loss and test/acc.")
    splits = fields.mapping(
        about="Path, num_images and split_off by train, val and test. null: no such split.",
        allow_none=True,
        required=False,
    )
    variants = fields.array(
        fields.mapping(),
        "Smaller files of the model, each with name, path, size and accuracy, or with an error.",
        allow_none=True,
        required=False,
    )
    max_difference = fields.number(
        "Largest difference between a logit of the ONNX file and of torch.", allow_none=True, required=False
    )
    allowed_difference = fields.number(allow_none=True, required=False)
    tolerance = fields.string("The rule for comparing the logits.", allow_none=True, required=False)
    explanation = fields.mapping(
        about="method, source and grid of the output `heatmap` of the ONNX file. null: it has none.",
        allow_none=True,
        required=False,
    )


class ModelsSchema(Schema):
    models_info = fields.array(ModelCardSchema)


class DeletedSchema(Schema):
    success = fields.boolean()
    error = fields.string(allow_none=True)
