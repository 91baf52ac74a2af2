"""The numbers of a report, compared with scikit-learn's and with results worked out by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics
from torch import Tensor

from trainer.report.metrics import MAX_MATRIX_CLASSES, OutputsNotFinite, measure, wilson_interval
from trainer.report.outputs import Outputs


def collect(logits: Tensor, labels: Tensor, batch_size: int = 7, max_probabilities: int = 10**9) -> Outputs:
    outputs = Outputs.of(len(labels), logits.shape[1], max_probabilities)
    for indices in torch.arange(len(labels)).split(batch_size):
        outputs.add(indices, labels[indices], logits[indices])
    return outputs


def measured(logits: Tensor, labels: list[int]) -> dict[str, Any]:
    names = [f"class {index}" for index in range(logits.shape[1])]
    report = measure(collect(logits, torch.tensor(labels)), names)
    json.dumps(report, allow_nan=False)
    return report


def confident(predictions: list[int], num_classes: int, by: float = 5.0) -> Tensor:
    return by * torch.nn.functional.one_hot(torch.tensor(predictions), num_classes).float()


@pytest.fixture(scope="module")
def drawn() -> tuple[Tensor, Tensor]:
    """Logits and labels of 500 images in 5 classes of different sizes. About two thirds are correct."""
    random = torch.Generator().manual_seed(3)
    labels = torch.multinomial(torch.tensor([5.0, 1, 3, 2, 4]), 500, replacement=True, generator=random)
    logits = torch.randn(500, 5, generator=random) + 2 * torch.nn.functional.one_hot(labels, 5)
    return logits, labels


def test_all_numbers_equal_those_of_scikit_learn(drawn: tuple[Tensor, Tensor]) -> None:
    logits, labels = drawn
    report = measured(logits, labels.tolist())
    true, chosen, probabilities = labels.numpy(), logits.argmax(1).numpy(), logits.double().softmax(1).numpy()
    assert report["accuracy"]["value"] == pytest.approx(sklearn_metrics.accuracy_score(true, chosen), abs=1e-6)
    balanced = sklearn_metrics.balanced_accuracy_score(true, chosen)
    assert report["balanced_accuracy"] == pytest.approx(balanced, abs=1e-6)
    assert report["macro_f1"] == pytest.approx(sklearn_metrics.f1_score(true, chosen, average="macro"), abs=1e-6)
    auroc = sklearn_metrics.roc_auc_score(true, probabilities, multi_class="ovr", average="macro")
    assert report["auroc"] == {"value": pytest.approx(auroc, abs=1e-5), "num_images": 500}
    precision, recall, f1, support = sklearn_metrics.precision_recall_fscore_support(true, chosen)
    for name, values in (("precision", precision), ("recall", recall), ("f1", f1), ("support", support)):
        assert [each[name] for each in report["classes"]] == pytest.approx(values.tolist(), abs=1e-6), name
    assert report["confusion_matrix"]["counts"] == sklearn_metrics.confusion_matrix(true, chosen).tolist()


def test_the_calibration_error_is_the_mean_gap_between_confidence_and_accuracy(drawn: tuple[Tensor, Tensor]) -> None:
    logits, labels = drawn
    calibration = measured(logits, labels.tolist())["calibration"]
    confidences, is_right = logits.softmax(1).max(1).values.numpy(), (logits.argmax(1) == labels).numpy()
    which = np.digitize(confidences, np.linspace(0, 1, 16)) - 1
    distances = [abs(is_right[which == bin].mean() - confidences[which == bin].mean()) for bin in np.unique(which)]
    shares = [(which == bin).mean() for bin in np.unique(which)]
    assert calibration["ece"] == pytest.approx(np.dot(distances, shares), abs=1e-5)
    bins = [each for each in calibration["bins"] if each["count"]]
    from_bins = sum(each["count"] / 500 * abs(each["accuracy"] - each["confidence"]) for each in bins)
    assert calibration["ece"] == pytest.approx(from_bins, abs=1e-5)
    assert sum(each["count"] for each in bins) == 500
    assert all(each["low"] <= each["confidence"] < each["high"] for each in bins)
    assert len(calibration["bins"]) == calibration["num_bins"] == 15


def test_a_confidence_of_one_is_in_the_last_bin() -> None:
    report = measured(confident([0, 1, 1], 2, by=1000), [0, 1, 1])
    assert report["calibration"]["bins"][-1]["count"] == 3
    assert report["calibration"]["ece"] == 0


@pytest.mark.parametrize(
    ("num_right", "num_images", "bounds"),
    [
        (8, 10, (0.490162, 0.943318)),  # as published for Wilson's interval
        (0, 10, (0.0, 0.277533)),
        (10, 10, (0.722467, 1.0)),
        (1, 1, (0.206549, 1.0)),
        (9_900, 10_000, (0.987855, 0.991769)),
    ],
)
def test_the_interval_is_that_of_wilson(num_right: int, num_images: int, bounds: tuple[float, float]) -> None:
    assert wilson_interval(num_right, num_images) == pytest.approx(bounds, abs=2e-6)


def test_a_perfect_result_has_no_mistakes() -> None:
    report = measured(confident([0, 1, 2, 2], 3), [0, 1, 2, 2])
    for name in ("balanced_accuracy", "macro_f1"):
        assert report[name] == 1
    assert report["accuracy"]["value"] == report["auroc"]["value"] == report["accuracy"]["high"] == 1
    assert report["accuracy"]["low"] < 0.6
    assert report["confusions"] == []


def test_a_class_that_was_never_predicted_has_no_precision_and_counts_as_zero_elsewhere() -> None:
    report = measured(confident([0, 0, 1, 1], 3), [0, 0, 1, 2])
    never = report["classes"][2]
    assert (never["precision"], never["recall"], never["f1"], never["predicted"]) == (None, 0, 0, 0)
    assert report["balanced_accuracy"] == pytest.approx(2 / 3, abs=1e-6)
    assert report["macro_f1"] == pytest.approx((1 + 2 / 3 + 0) / 3, abs=1e-6)
    assert report["confusions"] == [{"true": "class 2", "predicted": "class 1", "count": 1}]


def test_averages_skip_a_class_without_images() -> None:
    report = measured(confident([0, 1, 1], 3), [0, 1, 1])
    absent = report["classes"][2]
    assert [absent[name] for name in ("precision", "recall", "f1", "auroc", "support")] == [None, None, None, None, 0]
    assert report["balanced_accuracy"] == report["macro_f1"] == report["auroc"]["value"] == 1


def test_two_classes_have_the_same_auroc() -> None:
    labels, scores = [0, 0, 1, 1, 1], torch.tensor([0.1, 0.6, 0.4, 0.7, 0.9])
    report = measured(torch.stack([1 - scores, scores], 1).log(), labels)
    assert report["auroc"]["value"] == pytest.approx(5 / 6, abs=1e-6)
    assert report["classes"][0]["auroc"] == report["classes"][1]["auroc"]


def test_one_image_per_class_is_enough() -> None:
    report = measured(confident([0, 0], 2), [0, 1])
    assert report["accuracy"]["value"] == 0.5
    assert report["confusion_matrix"]["counts"] == [[1, 0], [1, 0]]
    assert report["auroc"]["value"] == 0.5


def test_the_matrix_of_many_classes_shows_those_with_mistakes() -> None:
    num_classes = MAX_MATRIX_CLASSES + 50
    predictions = list(range(num_classes))
    predictions[140] = 120
    report = measured(confident(predictions, num_classes), list(range(num_classes)))
    matrix = report["confusion_matrix"]
    assert len(matrix["class_names"]) == len(matrix["counts"]) == MAX_MATRIX_CLASSES
    row, column = matrix["class_names"].index("class 140"), matrix["class_names"].index("class 120")
    assert (matrix["counts"][row][column], matrix["counts"][row][row], matrix["counts"][column][column]) == (1, 0, 1)
    assert len(report["classes"]) == num_classes


def test_sampling_the_probabilities_changes_only_auroc(
    drawn: tuple[Tensor, Tensor],
) -> None:
    logits, labels = drawn
    names = list("abcde")
    part = measure(collect(logits, labels, max_probabilities=500 * 5 // 3), names)
    whole = measure(collect(logits, labels), names)
    assert part["auroc"]["num_images"] == 125
    expected = sklearn_metrics.roc_auc_score(labels[::4], logits[::4].double().softmax(1), multi_class="ovr")
    assert part["auroc"]["value"] == pytest.approx(expected, abs=1e-5)
    for report in (part, whole):
        del report["auroc"]
        for each in report["classes"]:
            del each["auroc"]
    assert part == whole


def test_outputs_do_not_depend_on_batches_and_order(drawn: tuple[Tensor, Tensor]) -> None:
    logits, labels = drawn
    shuffled = Outputs.of(500, 5)
    for indices in torch.randperm(500, generator=torch.Generator().manual_seed(0)).split(64):
        shuffled.add(indices, labels[indices], logits[indices])
    assert measure(shuffled, list("abcde")) == measure(collect(logits, labels), list("abcde"))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_outputs_that_are_not_finite_are_refused_with_their_number(value: float) -> None:
    logits = torch.zeros(5, 2)
    logits[3, 1] = value
    with pytest.raises(OutputsNotFinite, match="1 of 5"):
        measure(collect(logits, torch.zeros(5, dtype=torch.int64)), ["a", "b"])
