"""Schemas of answers about models."""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE
from marshmallow.fields import Field

from app.schemas import fields
from app.schemas.datasets import TrainedSplitsSchema
from app.schemas.fields import Schema


def _metrics(about: str) -> Field[Any]:
    return fields.mapping(fields.number(allow_none=True), about, optional=True)


class ModelPathListSchema(Schema):
    model_paths = fields.array(fields.string())


class ExternalDataSchema(Schema):
    path = fields.string("Path relative to the folder of the ONNX file.")
    size_bytes = fields.integer()


class VariantSchema(Schema):
    """A smaller file of a model, measured beside the original on the images of the tested split."""

    class Meta:
        unknown = INCLUDE

    name = fields.string(example="int8")
    error = fields.string("Why there is no file. Absent: there is one.", optional=True)
    model_path = fields.string("Absolute path of the file.", optional=True)
    size_bytes = fields.integer(optional=True)
    sha256 = fields.string(optional=True)
    test_acc = fields.number("Absent: there are no test images.", optional=True)
    original_test_acc = fields.number(optional=True)
    val_acc = fields.number("Absent: there are test images.", optional=True)
    original_val_acc = fields.number(optional=True)
    agreement = fields.number("Share of images with the same class as the original.", optional=True)
    max_difference = fields.number("Largest difference between two logits.", optional=True)
    num_calibration_images = fields.integer("Only int8 has it.", optional=True)


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
    is_tested = fields.boolean("false: the card has no test results, so the accuracy is unknown.")
    external_data = fields.array(
        ExternalDataSchema,
        "The other files that hold tensors of the ONNX file. A download includes them. null: none.",
        allow_none=True,
    )
    problem = fields.string("Why the model is incomplete. null: it is complete.", allow_none=True)
    dataset_name = fields.string(optional=True)
    config_name = fields.string("Experiment file.", optional=True)
    class_names = fields.array(fields.string(), "In the order of the model's outputs.", optional=True)
    train_metrics = _metrics("Metrics of the checkpoint's epoch, such as train/loss.")
    test_metrics = _metrics("Metrics such as test/loss and test/acc.")
    splits = fields.nested(TrainedSplitsSchema, optional=True)
    variants = fields.array(VariantSchema, "Smaller files of the model.", optional=True)
    max_difference = fields.number("Largest difference between a logit of the ONNX file and of torch.", optional=True)
    allowed_difference = fields.number(optional=True)
    tolerance = fields.string("The rule for comparing the logits.", optional=True)
    explanation = fields.mapping(
        about="method, source and grid of the output `heatmap` of the ONNX file. null: it has none.", optional=True
    )


class ModelsSchema(Schema):
    models_info = fields.array(ModelCardSchema)


class DeletedSchema(Schema):
    success = fields.boolean()
    error = fields.string(allow_none=True)
