"""Schemas of answers about datasets and their images."""

from __future__ import annotations

from typing import Any, get_args

from marshmallow.fields import Field

from app.schemas import fields
from app.schemas.fields import Schema
from trainer.dataset.splits import SPLITS
from trainer.preflight.finding import Kind


class NumImagesSchema(Schema):
    train = fields.integer()
    val = fields.integer()
    test = fields.integer()


def _by_extension() -> Field[Any]:
    return fields.mapping(fields.integer(), "Number of files that are not images, by extension.", example={".HEIC": 30})


class DatasetSchema(Schema):
    dataset_name = fields.string()
    train_path = fields.string("null: `problem` says why.", allow_none=True)
    val_path = fields.string("null: a training splits val images off the train images.", allow_none=True)
    test_path = fields.string(
        "null: a training does not test, or splits test images off the train images.", allow_none=True
    )
    dataset_base_path = fields.string()
    class_names = fields.array(fields.string())
    num_images = fields.nested(NumImagesSchema)
    ignored = _by_extension()
    problem = fields.string("Why no training can use the dataset, as far as its folders show.", allow_none=True)


class SplitOffSchema(Schema):
    share = fields.number("Share of the train images of each class.")
    seed = fields.integer("The same seed selects the same images.")


class TrainedSplitSchema(Schema):
    """The images of a split that a training used."""

    path = fields.string("Folder of the images.")
    num_images = fields.integer()
    num_unreadable = fields.integer("Images that were left out because they are unreadable (data.skip_unreadable).")
    split_off = fields.nested(
        SplitOffSchema, "How they were split off the train images. null: the split has its own folder.", allow_none=True
    )


class TrainedSplitsSchema(Schema):
    """The splits that a training used. null: no such split."""

    train = fields.nested(TrainedSplitSchema, allow_none=True)
    val = fields.nested(TrainedSplitSchema, allow_none=True)
    test = fields.nested(TrainedSplitSchema, allow_none=True)


class DatasetListSchema(Schema):
    datasets = fields.array(DatasetSchema)


class FindingSchema(Schema):
    kind = fields.string(one_of=get_args(Kind))
    split = fields.string("The split with the problem. null: not a single split.", allow_none=True, one_of=SPLITS)
    message = fields.string()
    count = fields.integer("Number of files with the problem. 0: the finding is not about files.")
    files = fields.array(fields.string(), "The first 20 of these files.")


class SplitReportSchema(Schema):
    path = fields.string()
    num_images = fields.integer()
    classes = fields.mapping(fields.integer(), "Number of images by class.")
    ignored = _by_extension()


class ImageSizeSchema(Schema):
    width = fields.integer()
    height = fields.integer()
    count = fields.integer()


class ValueRangeSchema(Schema):
    low = fields.number("A training maps this value to black.")
    high = fields.number("A training maps this value to white.")
    lowest = fields.number("The lowest value in the images.")
    highest = fields.number("The highest value in the images.")
    num_measured = fields.integer("Images whose values were measured.")
    num_images = fields.integer("Images with more than 8 bits per channel.")


class PreflightSchema(Schema):
    """What the check of a dataset's images found."""

    status = fields.string(
        "checking: ask again. failed: the check itself failed, and an error says why.",
        one_of=["checking", "checked", "failed"],
    )
    done = fields.integer("Images inspected so far.")
    total = fields.integer("All images. 0: they are still being listed.")
    num_decoded = fields.integer("Images decoded in full. Of the others the check read only the header.")
    checked_at = fields.string()
    splits = fields.mapping(fields.nested(SplitReportSchema), "The existing splits, by train, val and test.")
    sizes = fields.array(ImageSizeSchema, "The 10 most frequent sizes.")
    num_sizes = fields.integer("Number of different sizes.")
    channels = fields.mapping(fields.integer(), "Number of images by kind: grey ...")
    value_range = fields.nested(
        ValueRangeSchema,
        "Value range of images with more than 8 bits per channel. null: no such image was decoded.",
        allow_none=True,
    )
    errors = fields.array(FindingSchema, "Problems that make a training impossible.")
    warnings = fields.array(FindingSchema, "Problems that may harm the result of a training.")


class DatasetReportSchema(PreflightSchema):
    dataset_name = fields.string()
