"""Schemas of report.json: how good a model is on the test images, or without test images on the val images."""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from app.schemas.datasets import splits_field


def _share(description: str, **options: Any) -> fields.Float:
    return fields.Float(required=True, metadata={"description": description}, **options)


def _may_be_undefined(description: str) -> fields.Float:
    return _share(f"{description}. null: undefined.", allow_none=True)


class AccuracySchema(Schema):
    value = _share("Share of correct predictions.")
    low = _share("Lower bound of the interval.")
    high = _share("Upper bound of the interval.")
    interval = _share("Confidence level of the interval: 0.95.")
    method = fields.String(required=True, metadata={"description": "Method of the interval: Wilson."})


class AurocSchema(Schema):
    value = _may_be_undefined("Mean over the classes, each against the rest")
    num_images = fields.Integer(
        required=True,
        metadata={
            "description": "Number of images it was measured on: all, or evenly spaced ones of a very large split."
        },
    )


class CalibrationBinSchema(Schema):
    low = _share("Lowest probability of the bin.")
    high = _share("Highest probability of the bin. Only the last bin includes it.")
    count = fields.Integer(required=True, metadata={"description": "Number of images."})
    confidence = _may_be_undefined("Mean probability of the predictions")
    accuracy = _may_be_undefined("Share of correct predictions")


class CalibrationSchema(Schema):
    ece = _share("Expected calibration error.")
    num_bins = fields.Integer(required=True)
    bins = fields.List(fields.Nested(CalibrationBinSchema), required=True)


class ClassResultSchema(Schema):
    name = fields.String(required=True)
    precision = _may_be_undefined("Share of correct ones among the predictions of this class")
    recall = _may_be_undefined("Share of correct predictions among the images of this class")
    f1 = _may_be_undefined("Harmonic mean of precision and recall")
    auroc = _may_be_undefined("This class against the rest")
    support = fields.Integer(required=True, metadata={"description": "Images of this class."})
    predicted = fields.Integer(required=True, metadata={"description": "Images predicted as this class."})


class ConfusionMatrixSchema(Schema):
    class_names = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Names of the rows and columns: all classes, or the 100 with the most mistakes."},
    )
    counts = fields.List(
        fields.List(fields.Integer()),
        required=True,
        metadata={"description": "Number of images, with a row per true class and a column per predicted class."},
    )


class ConfusionSchema(Schema):
    true = fields.String(required=True)
    predicted = fields.String(required=True)
    count = fields.Integer(required=True)


class MistakeSchema(Schema):
    file = fields.String(required=True, metadata={"description": "Path in the dataset: test/CLASS/FILE."})
    true = fields.String(required=True)
    predicted = fields.String(required=True)
    probability = _share("Probability of the predicted class.")
    image = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Artifact with the image, a PNG of at most 224 x 224 pixels. null: it could not be made."
        },
    )


class ReportSchema(Schema):
    """The content of report.json. Another program may have written further fields."""

    class Meta:
        unknown = INCLUDE

    run_id = fields.String(required=True)
    created_at = fields.String(required=True)
    model_name = fields.String(required=True)
    dataset_name = fields.String(required=True)
    config_name = fields.String(required=True)
    checkpoint = fields.String(required=True, metadata={"description": "The tested checkpoint, of the best epoch."})
    split = fields.String(
        required=True,
        validate=validate.OneOf(["test", "val"]),
        metadata={"description": "The split that was tested: val if there are no test images."},
    )
    splits = splits_field()
    notes = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Sentences that a reader must know, such as which images were split off."},
    )
    num_images = fields.Integer(required=True, metadata={"description": "Number of images of that split."})
    num_right = fields.Integer(required=True)
    loss = _may_be_undefined("Cross-entropy")
    accuracy = fields.Nested(AccuracySchema, required=True)
    balanced_accuracy = _may_be_undefined("Mean recall of the classes")
    macro_f1 = _may_be_undefined("Mean F1 of the classes")
    auroc = fields.Nested(AurocSchema, required=True)
    calibration = fields.Nested(CalibrationSchema, required=True)
    classes = fields.List(fields.Nested(ClassResultSchema), required=True)
    confusion_matrix = fields.Nested(ConfusionMatrixSchema, required=True)
    confusions = fields.List(
        fields.Nested(ConfusionSchema), required=True, metadata={"description": "The 50 most frequent confusions."}
    )
    mistakes = fields.List(
        fields.Nested(MistakeSchema), required=True, metadata={"description": "The 20 most confident mistakes."}
    )
    plots = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"description": "Artifacts by name: confusion_matrix, reliability, mistakes, curves. PNG files."},
    )
