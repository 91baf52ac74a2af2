"""Answers about datasets and their images."""

from __future__ import annotations

from marshmallow import Schema, fields, validate


class NumImagesSchema(Schema):
    train = fields.Integer(required=True)
    val = fields.Integer(required=True)
    test = fields.Integer(required=True)


class DatasetSchema(Schema):
    dataset_name = fields.String(required=True)
    train_path = fields.String(required=True)
    val_path = fields.String(required=True)
    test_path = fields.String(required=True)
    dataset_base_path = fields.String(required=True)
    class_names = fields.List(fields.String(), required=True)
    num_images = fields.Nested(NumImagesSchema, required=True)


class DatasetsSchema(Schema):
    datasets = fields.List(fields.Nested(DatasetSchema), required=True)


class FindingSchema(Schema):
    kind = fields.String(
        required=True,
        metadata={
            "description": "Errors: classes, unreadable. Warnings: incomplete, not_decoded, not_checked, leakage, "
            "contradiction, duplicates, empty_class, few_images, imbalance, odd_sizes, odd_channels."
        },
    )
    split = fields.String(required=True, allow_none=True, metadata={"description": "The split at fault, if it is one."})
    message = fields.String(required=True)
    count = fields.Integer(required=True, metadata={"description": "How many files it is about; 0: not about files."})
    files = fields.List(fields.String(), required=True, metadata={"description": "The first of them, 20 at most."})


class SplitReportSchema(Schema):
    path = fields.String(required=True)
    num_images = fields.Integer(required=True)
    classes = fields.Dict(
        keys=fields.String(), values=fields.Integer(), required=True, metadata={"description": "Images by class."}
    )


class ImageSizeSchema(Schema):
    width = fields.Integer(required=True)
    height = fields.Integer(required=True)
    count = fields.Integer(required=True)


class DatasetReportSchema(Schema):
    dataset_name = fields.String(required=True)
    status = fields.String(
        required=True,
        validate=validate.OneOf(["checking", "checked", "failed"]),
        metadata={"description": "checking: ask again. failed: the check itself; a warning says why."},
    )
    done = fields.Integer(required=True, metadata={"description": "Images looked at so far."})
    total = fields.Integer(required=True, metadata={"description": "Images there are; 0: they are being listed."})
    num_decoded = fields.Integer(
        required=True, metadata={"description": "Images decoded in full; of the others only the header was read."}
    )
    checked_at = fields.String(required=True)
    splits = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(SplitReportSchema),
        required=True,
        metadata={"description": "By train, val, test."},
    )
    sizes = fields.List(
        fields.Nested(ImageSizeSchema), required=True, metadata={"description": "The 10 most frequent ones."}
    )
    num_sizes = fields.Integer(required=True, metadata={"description": "How many different ones there are."})
    channels = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={"description": "Images by kind: grey ..."},
    )
    errors = fields.List(
        fields.Nested(FindingSchema), required=True, metadata={"description": "What makes a training impossible."}
    )
    warnings = fields.List(
        fields.Nested(FindingSchema), required=True, metadata={"description": "What may spoil its result."}
    )
