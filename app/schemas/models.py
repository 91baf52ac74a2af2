"""Schemas of answers about models."""

from __future__ import annotations

from marshmallow import INCLUDE, Schema, fields


def _metrics(what: str) -> fields.Dict:
    return fields.Dict(
        keys=fields.String(),
        values=fields.Float(allow_none=True),
        allow_none=True,
        metadata={"description": what},
    )


class ModelPathListSchema(Schema):
    model_paths = fields.List(fields.String(), required=True)


class ModelCardSchema(Schema):
    """The content of classification_model.json, and what the service knows of the file."""

    class Meta:
        unknown = INCLUDE

    run_id = fields.String(required=True)
    model_name = fields.String(required=True)
    model_path = fields.String(required=True, metadata={"description": "Absolute path of the ONNX file."})
    size_bytes = fields.Integer(required=True, metadata={"description": "Size of that file."})
    is_tested = fields.Boolean(
        required=True,
        metadata={
            "description": "false: the run was stopped before the test, so the accuracy of its model is unknown."
        },
    )
    dataset_name = fields.String(allow_none=True)
    config_name = fields.String(allow_none=True, metadata={"description": "Experiment file."})
    class_names = fields.List(
        fields.String(), allow_none=True, metadata={"description": "In the order of the model's outputs."}
    )
    train_metrics = _metrics("Metrics of the checkpoint's epoch, such as train/loss.")
    test_metrics = _metrics("Metrics such as test/loss and test/acc.")
    splits = fields.Dict(
        keys=fields.String(),
        allow_none=True,
        metadata={"description": "Path, num_images and split_off by train, val and test. null: no such split."},
    )
    variants = fields.List(
        fields.Dict(keys=fields.String()),
        allow_none=True,
        metadata={
            "description": "Smaller files of the model, each with name, path, size and accuracy, or with an error."
        },
    )
    max_difference = fields.Float(
        allow_none=True, metadata={"description": "Largest difference between a logit of the ONNX file and of torch."}
    )
    allowed_difference = fields.Float(allow_none=True)
    tolerance = fields.String(allow_none=True, metadata={"description": "The rule for comparing the logits."})


class ModelsSchema(Schema):
    models_info = fields.List(fields.Nested(ModelCardSchema), required=True)


class DeletedSchema(Schema):
    success = fields.Boolean(required=True)
    error = fields.String(required=True, allow_none=True)
