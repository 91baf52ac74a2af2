"""What report.json says: of a run's model on the test images, or on the val images where there are none."""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from app.schemas.datasets import splits_field


def _share(description: str, **options: Any) -> fields.Float:
    return fields.Float(required=True, metadata={"description": description}, **options)


def _may_be_undefined(description: str) -> fields.Float:
    return _share(f"{description}; null: not defined.", allow_none=True)


class AccuracySchema(Schema):
    value = _share("Share of right predictions.")
    low = _share("The interval's lower bound.")
    high = _share("The interval's upper bound.")
    interval = _share("Confidence that the true value lies within the bounds: 0.95.")
    method = fields.String(required=True, metadata={"description": "Wilson: how the bounds were found."})


class AurocSchema(Schema):
    value = _may_be_undefined("Mean over the classes, each against the rest")
    num_images = fields.Integer(
        required=True,
        metadata={"description": "Measured on so many images, evenly spread: all, unless there are very many."},
    )


class CalibrationBinSchema(Schema):
    low = _share("Predictions of at least this probability,")
    high = _share("and below this one; the last bin includes it.")
    count = fields.Integer(required=True, metadata={"description": "Images."})
    confidence = _may_be_undefined("Mean probability of the predictions")
    accuracy = _may_be_undefined("Share of right predictions")


class CalibrationSchema(Schema):
    ece = _share("Expected calibration error.")
    num_bins = fields.Integer(required=True)
    bins = fields.List(fields.Nested(CalibrationBinSchema), required=True)


class ClassResultSchema(Schema):
    name = fields.String(required=True)
    precision = _may_be_undefined("Share of right ones among its predictions")
    recall = _may_be_undefined("Share of right predictions of its images")
    f1 = _may_be_undefined("Harmonic mean of precision and recall")
    auroc = _may_be_undefined("This class against the rest")
    support = fields.Integer(required=True, metadata={"description": "Test images of the class."})
    predicted = fields.Integer(required=True, metadata={"description": "Test images that were taken for it."})


class ConfusionMatrixSchema(Schema):
    class_names = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Of the rows and columns: all classes, or the 100 with the most mistakes."},
    )
    counts = fields.List(
        fields.List(fields.Integer()),
        required=True,
        metadata={"description": "Images: a row for each true class, a column for each predicted one."},
    )


class ConfusionSchema(Schema):
    true = fields.String(required=True)
    predicted = fields.String(required=True)
    count = fields.Integer(required=True)


class MistakeSchema(Schema):
    file = fields.String(required=True, metadata={"description": "test/CLASS/FILE in the dataset."})
    true = fields.String(required=True)
    predicted = fields.String(required=True)
    probability = _share("Of the predicted class.")
    image = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Artifact: the image as a PNG of at most 224 pixels a side; null: could not be made."},
    )


class ReportSchema(Schema):
    """report.json as it is; a program that is not ours may have written anything else there."""

    class Meta:
        unknown = INCLUDE

    run_id = fields.String(required=True)
    created_at = fields.String(required=True)
    model_name = fields.String(required=True)
    dataset_name = fields.String(required=True)
    config_name = fields.String(required=True)
    checkpoint = fields.String(required=True, metadata={"description": "The one that was tested: the best epoch's."})
    split = fields.String(
        required=True,
        validate=validate.OneOf(["test", "val"]),
        metadata={"description": "The images that the report is on: val, where there were none to test on."},
    )
    splits = splits_field()
    notes = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Sentences on what a reader must know: which images were split off, say."},
    )
    num_images = fields.Integer(required=True, metadata={"description": "Images of that split."})
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
        fields.Nested(ConfusionSchema), required=True, metadata={"description": "The most frequent 50 of them."}
    )
    mistakes = fields.List(
        fields.Nested(MistakeSchema), required=True, metadata={"description": "The 20 most confident ones."}
    )
    plots = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"description": "Artifacts by name: confusion_matrix, reliability, mistakes, curves; PNG files."},
    )
