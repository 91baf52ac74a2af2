"""Schemas of answers about datasets and their images."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate


class NumImagesSchema(Schema):
    train = fields.Integer(required=True)
    val = fields.Integer(required=True)
    test = fields.Integer(required=True)


def _split_path(when_null: str) -> fields.String:
    return fields.String(required=True, allow_none=True, metadata={"description": when_null})


def _by_extension() -> fields.Dict:
    return fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={"description": "Number of files that are not images, by extension.", "example": {".HEIC": 30}},
    )


class DatasetSchema(Schema):
    dataset_name = fields.String(required=True)
    train_path = _split_path("null: `problem` says why.")
    val_path = _split_path("null: a training splits val images off the train images.")
    test_path = _split_path("null: a training does not test, or splits test images off the train images.")
    dataset_base_path = fields.String(required=True)
    class_names = fields.List(fields.String(), required=True)
    num_images = fields.Nested(NumImagesSchema, required=True)
    ignored = _by_extension()
    problem = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Why no training can use the dataset, as far as its folders show."},
    )


class SplitOffSchema(Schema):
    share = fields.Float(required=True, metadata={"description": "Share of the train images of each class."})
    seed = fields.Integer(required=True, metadata={"description": "The same seed selects the same images."})


class TrainedSplitSchema(Schema):
    """The images of a split that a training used."""

    path = fields.String(required=True, metadata={"description": "Folder of the images."})
    num_images = fields.Integer(required=True)
    num_unreadable = fields.Integer(
        required=True,
        metadata={"description": "Images that were left out because they are unreadable (data.skip_unreadable)."},
    )
    split_off = fields.Nested(
        SplitOffSchema,
        required=True,
        allow_none=True,
        metadata={"description": "How they were split off the train images. null: the split has its own folder."},
    )


def splits_field(**options: Any) -> fields.Dict:
    """Declare the splits that a training used, by name."""
    return fields.Dict(
        keys=fields.String(),
        values=fields.Nested(TrainedSplitSchema, allow_none=True),
        metadata={"description": "By train, val and test. null: no such split."},
        **options,
    )


class DatasetListSchema(Schema):
    datasets = fields.List(fields.Nested(DatasetSchema), required=True)


class FindingSchema(Schema):
    kind = fields.String(
        required=True,
        metadata={
            "description": "Errors: folders, classes, class_name, unreadable, unreadable_class, unreadable_folder, "
            "not_checked. Warnings: incomplete, not_decoded, missing_split, unused_folders, ignored, loose, "
            "repeated_folder, leakage, contradiction, duplicates, empty_class, few_images, imbalance, odd_sizes, "
            "odd_channels, flat_values, cut_values, gaps."
        },
    )
    split = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The split with the problem. null: not a single split."},
    )
    message = fields.String(required=True)
    count = fields.Integer(
        required=True, metadata={"description": "Number of files with the problem. 0: the finding is not about files."}
    )
    files = fields.List(fields.String(), required=True, metadata={"description": "The first 20 of these files."})


class SplitReportSchema(Schema):
    path = fields.String(required=True)
    num_images = fields.Integer(required=True)
    classes = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={"description": "Number of images by class."},
    )
    ignored = _by_extension()


class ImageSizeSchema(Schema):
    width = fields.Integer(required=True)
    height = fields.Integer(required=True)
    count = fields.Integer(required=True)


class ValueRangeSchema(Schema):
    low = fields.Float(required=True, metadata={"description": "A training maps this value to black."})
    high = fields.Float(required=True, metadata={"description": "A training maps this value to white."})
    lowest = fields.Float(required=True, metadata={"description": "The lowest value in the images."})
    highest = fields.Float(required=True, metadata={"description": "The highest value in the images."})
    num_measured = fields.Integer(required=True, metadata={"description": "Images whose values were measured."})
    num_images = fields.Integer(required=True, metadata={"description": "Images with more than 8 bits per channel."})


class DatasetReportSchema(Schema):
    dataset_name = fields.String(required=True)
    status = fields.String(
        required=True,
        validate=validate.OneOf(["checking", "checked", "failed"]),
        metadata={"description": "checking: ask again. failed: the check itself failed, and an error says why."},
    )
    done = fields.Integer(required=True, metadata={"description": "Images inspected so far."})
    total = fields.Integer(required=True, metadata={"description": "All images. 0: they are still being listed."})
    num_decoded = fields.Integer(
        required=True, metadata={"description": "Images decoded in full. Of the others the check read only the header."}
    )
    checked_at = fields.String(required=True)
    splits = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(SplitReportSchema),
        required=True,
        metadata={"description": "The existing splits, by train, val and test."},
    )
    sizes = fields.List(
        fields.Nested(ImageSizeSchema), required=True, metadata={"description": "The 10 most frequent sizes."}
    )
    num_sizes = fields.Integer(required=True, metadata={"description": "Number of different sizes."})
    channels = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={"description": "Number of images by kind: grey ..."},
    )
    value_range = fields.Nested(
        ValueRangeSchema,
        required=True,
        allow_none=True,
        metadata={
            "description": "Value range of images with more than 8 bits per channel. null: no such image was decoded."
        },
    )
    errors = fields.List(
        fields.Nested(FindingSchema),
        required=True,
        metadata={"description": "Problems that make a training impossible."},
    )
    warnings = fields.List(
        fields.Nested(FindingSchema),
        required=True,
        metadata={"description": "Problems that may harm the result of a training."},
    )
