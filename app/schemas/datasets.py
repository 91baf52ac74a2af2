"""Answers about datasets and their images."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate


class NumImagesSchema(Schema):
    train = fields.Integer(required=True)
    val = fields.Integer(required=True)
    test = fields.Integer(required=True)


def _split_path(when_null: str) -> fields.String:
    return fields.String(required=True, allow_none=True, metadata={"description": when_null})


def _by_ending() -> fields.Dict:
    return fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={"description": "Number of files that are not images, by ending.", "example": {".HEIC": 30}},
    )


class DatasetSchema(Schema):
    dataset_name = fields.String(required=True)
    train_path = _split_path("Null: `problem` says why.")
    val_path = _split_path("Null: a training splits val images off the train images.")
    test_path = _split_path("Null: a training does not test, or splits test images off the train images.")
    dataset_base_path = fields.String(required=True)
    class_names = fields.List(fields.String(), required=True)
    num_images = fields.Nested(NumImagesSchema, required=True)
    ignored = _by_ending()
    problem = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Why it cannot be trained on, as far as its folders show."},
    )


class SplitOffSchema(Schema):
    share = fields.Float(required=True, metadata={"description": "Of the train images of each class."})
    seed = fields.Integer(required=True, metadata={"description": "The same seed chooses the same images."})


class TrainedSplitSchema(Schema):
    """The images of a split, as a training used them."""

    path = fields.String(required=True, metadata={"description": "The folder that they lie in."})
    num_images = fields.Integer(required=True)
    num_unreadable = fields.Integer(
        required=True, metadata={"description": "Images left out because they cannot be read (data.skip_unreadable)."}
    )
    split_off = fields.Nested(
        SplitOffSchema,
        required=True,
        allow_none=True,
        metadata={"description": "How they were chosen from the train images, if the split has no folder."},
    )


def splits_field(**options: Any) -> fields.Dict:
    """The splits that a training used, by name."""
    return fields.Dict(
        keys=fields.String(),
        values=fields.Nested(TrainedSplitSchema, allow_none=True),
        metadata={"description": "By train, val, test; null: none."},
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
    ignored = _by_ending()


class ImageSizeSchema(Schema):
    width = fields.Integer(required=True)
    height = fields.Integer(required=True)
    count = fields.Integer(required=True)


class ValueRangeSchema(Schema):
    low = fields.Float(required=True, metadata={"description": "Shown as black by a training."})
    high = fields.Float(required=True, metadata={"description": "Shown as white by a training."})
    lowest = fields.Float(required=True, metadata={"description": "The lowest value in the images."})
    highest = fields.Float(required=True, metadata={"description": "The highest value in the images."})
    num_measured = fields.Integer(required=True, metadata={"description": "Images whose values were read."})
    num_images = fields.Integer(required=True, metadata={"description": "Images of this kind."})


class DatasetReportSchema(Schema):
    dataset_name = fields.String(required=True)
    status = fields.String(
        required=True,
        validate=validate.OneOf(["checking", "checked", "failed"]),
        metadata={"description": "checking: ask again. failed: the check itself; an error says why."},
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
        metadata={"description": "By train, val, test; those that there are."},
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
    value_range = fields.Nested(
        ValueRangeSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Of images with more than 8 bits per channel; null: no such image was decoded."},
    )
    errors = fields.List(
        fields.Nested(FindingSchema), required=True, metadata={"description": "What makes a training impossible."}
    )
    warnings = fields.List(
        fields.Nested(FindingSchema), required=True, metadata={"description": "What may spoil its result."}
    )
