"""Schemas of report.json: how good a model is on the test images, or without test images on the val images."""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE
from marshmallow.fields import Field

from app.schemas import fields
from app.schemas.datasets import TrainedSplitsSchema
from app.schemas.fields import Schema


def _may_be_undefined(description: str) -> Field[Any]:
    return fields.number(f"{description}. null: undefined.", allow_none=True)


class AccuracySchema(Schema):
    value = fields.number("Share of correct predictions.")
    low = fields.number("Lower bound of the interval.")
    high = fields.number("Upper bound of the interval.")
    interval = fields.number("Confidence level of the interval: 0.95.")
    method = fields.string("Method of the interval: Wilson.")


class AurocSchema(Schema):
    value = _may_be_undefined("Mean over the classes, each against the rest")
    num_images = fields.integer(
        "Number of images it was measured on: all, or evenly spaced ones of a very large split."
    )


class CalibrationBinSchema(Schema):
    low = fields.number("Lowest probability of the bin.")
    high = fields.number("Highest probability of the bin. Only the last bin includes it.")
    count = fields.integer("Number of images.")
    confidence = _may_be_undefined("Mean probability of the predictions")
    accuracy = _may_be_undefined("Share of correct predictions")


class CalibrationSchema(Schema):
    ece = fields.number("Expected calibration error.")
    num_bins = fields.integer()
    bins = fields.array(CalibrationBinSchema)


class ClassResultSchema(Schema):
    name = fields.string()
    precision = _may_be_undefined("Share of correct ones among the predictions of this class")
    recall = _may_be_undefined("Share of correct predictions among the images of this class")
    f1 = _may_be_undefined("Harmonic mean of precision and recall")
    auroc = _may_be_undefined("This class against the rest")
    support = fields.integer("Images of this class.")
    predicted = fields.integer("Images predicted as this class.")


class ConfusionMatrixSchema(Schema):
    class_names = fields.array(
        fields.string(), "Names of the rows and columns: all classes, or the 100 with the most mistakes."
    )
    counts = fields.array(
        fields.array(fields.integer()), "Number of images, with a row per true class and a column per predicted class."
    )


class MistakeSchema(Schema):
    file = fields.string("Path in the dataset: test/CLASS/FILE.")
    true = fields.string()
    predicted = fields.string()
    probability = fields.number("Probability of the predicted class.")
    image = fields.string(
        "Artifact with the image, a PNG of at most 224 x 224 pixels. null: it could not be made.", allow_none=True
    )
    heatmap = fields.string(
        "Artifact with the heatmap laid over the image. null: the model has no heatmap.", optional=True
    )


class ConfusionSchema(Schema):
    true = fields.string()
    predicted = fields.string()
    count = fields.integer()
    examples = fields.array(
        fields.nested(MistakeSchema),
        "The two most confident images of it. Only the 10 most frequent confusions have any.",
        required=False,
    )


class ReportSchema(Schema):
    """The content of report.json. Reports of earlier versions lack the fields that are not required."""

    class Meta:
        unknown = INCLUDE

    run_id = fields.string()
    created_at = fields.string()
    model_name = fields.string()
    dataset_name = fields.string()
    config_name = fields.string()
    checkpoint = fields.string("The tested checkpoint, of the best epoch.")
    split = fields.string(
        "The split that was tested: val if there are no test images.", one_of=["test", "val"], required=False
    )
    splits = fields.nested(TrainedSplitsSchema, required=False)
    notes = fields.array(
        fields.string(), "What a reader must know, such as which images were split off.", required=False
    )
    num_images = fields.integer("Number of images of that split.")
    num_right = fields.integer()
    loss = _may_be_undefined("Cross-entropy")
    accuracy = fields.nested(AccuracySchema)
    balanced_accuracy = _may_be_undefined("Mean recall of the classes")
    macro_f1 = _may_be_undefined("Mean F1 of the classes")
    auroc = fields.nested(AurocSchema)
    calibration = fields.nested(CalibrationSchema)
    classes = fields.array(ClassResultSchema)
    confusion_matrix = fields.nested(ConfusionMatrixSchema)
    confusions = fields.array(ConfusionSchema, "The 50 most frequent confusions.")
    mistakes = fields.array(MistakeSchema, "The 20 most confident mistakes.")
    plots = fields.mapping(
        fields.string(), "Artifacts by name: confusion_matrix, reliability, mistakes, curves. PNG files."
    )
