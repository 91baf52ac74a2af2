"""The form of answers about models."""

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
    """What classification_model.json says, and more."""

    class Meta:
        unknown = INCLUDE

    run_id = fields.String(required=True)
    model_name = fields.String(required=True)
    model_path = fields.String(required=True, metadata={"description": "Absolute path of the ONNX file."})
    size_bytes = fields.Integer(required=True, metadata={"description": "Of that file."})
    is_tested = fields.Boolean(
        required=True,
        metadata={"description": "false: a model of a run that was stopped; nobody knows how good it is."},
    )
    dataset_name = fields.String(allow_none=True)
    config_name = fields.String(allow_none=True, metadata={"description": "The experiment file."})
    class_names = fields.List(
        fields.String(), allow_none=True, metadata={"description": "In the order of the model's outputs."}
    )
    train_metrics = _metrics("Of the epoch of the checkpoint, such as train/loss.")
    test_metrics = _metrics("Such as test/loss and test/acc.")
    splits = fields.Dict(
        keys=fields.String(),
        allow_none=True,
        metadata={"description": "By train, val, test: path, num_images, split_off; null: none."},
    )
    variants = fields.List(
        fields.Dict(keys=fields.String()),
        allow_none=True,
        metadata={"description": "Smaller files: name, path, size, accuracy; or an error."},
    )
    max_difference = fields.Float(
        allow_none=True, metadata={"description": "Largest difference seen between a logit of the file and of torch."}
    )
    allowed_difference = fields.Float(allow_none=True)
    tolerance = fields.String(allow_none=True, metadata={"description": "The rule by which they were compared."})


class ModelsSchema(Schema):
    models_info = fields.List(fields.Nested(ModelCardSchema), required=True)


class DeletedSchema(Schema):
    success = fields.Boolean(required=True)
    error = fields.String(required=True, allow_none=True)
