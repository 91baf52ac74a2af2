"""Write report.md, which presents report.json in Markdown with tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

MAX_CLASSES = 100
"""With more classes, the table shows those with the lowest F1."""
MAX_CONFUSIONS = 20

UNDEFINED = "-"

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$^-])")


def as_markdown(report: dict[str, Any]) -> str:
    """Return the whole report."""
    parts = [
        _head(report),
        _summary(report),
        *_section("Classes", _classes(report)),
        *_section("Confusions", _picture(report, "confusion_matrix"), _confusions(report), _examples(report)),
        *_section("Calibration", _picture(report, "reliability")),
        *_section("Most confident mistakes", _picture(report, "mistakes"), _mistakes(report)),
        *_section("Training", _picture(report, "curves")),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(name: str) -> str:
    """Escape a name for Markdown, tables included, on one line."""
    line = "".join(each if each.isprintable() else "\ufffd" for each in name)
    return _SPECIAL.sub(r"\\\1", line)


def percent(share: float | None) -> str:
    return UNDEFINED if share is None else f"{100 * _not_rounded_to_one(share, 3):.1f}%"


def _not_rounded_to_one(share: float, digits: int) -> float:
    """Round no share below 1 up to 1."""
    return share if share >= 1 else min(share, 1 - 10**-digits)


def accuracy_line(accuracy: dict[str, Any]) -> str:
    """Return the accuracy with its confidence interval."""
    interval = f"{100 * accuracy['interval']:.0f}% interval {percent(accuracy['low'])} to {percent(accuracy['high'])}"
    return f"{percent(accuracy['value'])} ({interval}, {accuracy['method']})"


def _auroc(value: float | None) -> str:
    return UNDEFINED if value is None else f"{_not_rounded_to_one(value, 4):.4f}"


def _head(report: dict[str, Any]) -> str:
    summary = (
        f"Model {escape(report['model_name'])}, evaluated on the {report['num_images']:,} {report['split']} images of "
        f"dataset {escape(report['dataset_name'])} in {len(report['classes']):,} classes. Trained with "
        f"{escape(report['config_name'])}, checkpoint {escape(report['checkpoint'])}."
    )
    return "\n\n".join([f"# Report for run {escape(report['run_id'])}", summary, *map(escape, report["notes"])])


def _summary(report: dict[str, Any]) -> str:
    auroc, calibration = report["auroc"], report["calibration"]
    is_sample = auroc["num_images"] < report["num_images"]
    sample = f", measured on {auroc['num_images']:,} evenly spaced images" if is_sample else ""
    rows = [
        ("accuracy", accuracy_line(report["accuracy"]), f"{report['num_right']:,} of {report['num_images']:,} correct"),
        ("balanced accuracy", percent(report["balanced_accuracy"]), "mean recall over the classes"),
        ("macro F1", percent(report["macro_f1"]), "mean F1 over the classes"),
        ("AUROC", _auroc(auroc["value"]), f"mean over the classes, each against the rest{sample}"),
        (
            "calibration error",
            percent(calibration["ece"]),
            f"expected difference between confidence and accuracy, {calibration['num_bins']} bins",
        ),
        ("loss", UNDEFINED if report["loss"] is None else f"{report['loss']:.4f}", "cross-entropy"),
    ]
    return _table(("metric", f"{report['split']} images", "meaning"), rows)


def _classes(report: dict[str, Any]) -> str:
    classes = report["classes"]
    shown = classes
    if len(classes) > MAX_CLASSES:
        shown = sorted(classes, key=lambda each: each["f1"] if each["f1"] is not None else 2)[:MAX_CLASSES]
    rows = [
        (
            escape(each["name"]),
            *(percent(each[metric]) for metric in ("precision", "recall", "f1")),
            _auroc(each["auroc"]),
            f"{each['support']:,}",
        )
        for each in shown
    ]
    table = _table(("class", "precision", "recall", "F1", "AUROC", "images"), rows, num_texts=1)
    if len(shown) == len(classes):
        return table
    return f"The {len(shown)} of {len(classes):,} classes with the lowest F1. report.json lists all.\n\n{table}"


def _confusions(report: dict[str, Any]) -> str:
    rows = [
        (escape(each["true"]), escape(each["predicted"]), f"{each['count']:,}")
        for each in report["confusions"][:MAX_CONFUSIONS]
    ]
    return _table(("true", "predicted", "images"), rows, num_texts=2) if rows else "None."


def _examples(report: dict[str, Any]) -> str:
    """Show the images of the most confused pairs of classes."""
    parts = []
    for pair in report["confusions"]:
        images = [each["heatmap"] or each["image"] for each in pair.get("examples", []) if each["image"]]
        if images:
            title = f"True {escape(pair['true'])}, predicted {escape(pair['predicted'])}:"
            parts.append(" ".join([title, *(f"![image]({image})" for image in images)]))
    return "\n\n".join(parts)


def _mistakes(report: dict[str, Any]) -> str:
    rows = [
        (escape(each["file"]), escape(each["true"]), escape(each["predicted"]), percent(each["probability"]))
        for each in report["mistakes"]
    ]
    return _table(("file", "true", "predicted", "confidence"), rows, num_texts=3) if rows else "None."


def _picture(report: dict[str, Any], name: str) -> str:
    path = report["plots"].get(name)
    return f"![{name.replace('_', ' ')}]({path})" if path else ""


def _section(title: str, *parts: str) -> list[str]:
    """Return a section, or nothing if it has no content."""
    return [f"## {title}", *parts] if any(parts) else []


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], num_texts: int = 3) -> str:
    """Align the first `num_texts` columns left, and the others, which hold numbers, right."""
    rule = ["---" if index < num_texts else "---:" for index in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))
