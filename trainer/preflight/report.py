"""The report of a check, as JSON content and as text."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from trainer.dataset.imagefolder import count_endings, readable
from trainer.dataset.inventory import Inventory, SplitInventory
from trainer.dataset.valuerange import find_range, number
from trainer.preflight.check import Inspections
from trainer.preflight.finding import MAX_FILES
from trainer.preflight.findings import channels, find_errors, find_warnings
from trainer.rundir import read_json, utc_now

CHECKING, CHECKED = "checking", "checked"
FORMAT = 4
"""Increase this when the report changes, so that cached reports are not used."""
MAX_SIZES = 10

Report = dict[str, Any]


def compose(inventory: Inventory, inspections: Inspections, max_files: int | None = MAX_FILES) -> Report:
    """Make a report of `inspections`. Its `status` says whether they cover all images.

    A finding names at most `max_files` files, or all with None.
    """
    sizes = Counter((seen.width, seen.height) for seen in inspections.values() if seen.problem is None)
    total = len(inventory.files)
    return {
        "status": CHECKED if len(inspections) == total else CHECKING,
        "done": len(inspections),
        "total": total,
        "num_decoded": sum(1 for seen in inspections.values() if seen.is_decoded),
        "checked_at": utc_now(),
        "splits": {split: _split(found) for split, found in inventory.splits.items()},
        "sizes": [{"width": w, "height": h, "count": count} for (w, h), count in sizes.most_common(MAX_SIZES)],
        "num_sizes": len(sizes),
        "channels": dict(
            Counter(channels(seen) for seen in inspections.values() if seen.problem is None).most_common()
        ),
        "value_range": _value_range(inspections),
        "errors": [finding.as_json(max_files) for finding in find_errors(inventory, inspections)],
        "warnings": [finding.as_json(max_files) for finding in find_warnings(inventory, inspections)],
    }


def _split(found: SplitInventory) -> dict[str, Any]:
    return {
        "path": readable(str(found.folder)),
        "num_images": sum(found.num_images.values()),
        "classes": found.num_images,
        "ignored": {readable(ending): number for ending, number in count_endings(found.ignored).items()},
    }


def _value_range(inspections: Inspections) -> dict[str, Any] | None:
    """Describe the value range of images with more than 8 bits per channel. None if no such image was decoded."""
    measured = [seen.extremes for seen in inspections.values() if seen.extremes is not None]
    if not measured:
        return None
    low, high = find_range(measured)
    return {
        "low": low,
        "high": high,
        "lowest": min(each.low for each in measured),
        "highest": max(each.high for each in measured),
        "num_measured": len(measured),
        "num_images": sum(1 for seen in inspections.values() if seen.is_deep),
    }


def cached_report(path: Path, state: str) -> Report | None:
    """Read the finished report in `path`. None if it is missing, corrupt, or of another state of the files."""
    cached = read_json(path) or {}
    report = cached.get("report")
    if (cached.get("format"), cached.get("state")) != (FORMAT, state) or not isinstance(report, dict):
        return None
    return report if report.get("status") == CHECKED else None


def as_text(report: Report) -> str:
    """Format the report for a terminal."""
    lines = [f"{report['total']:,} images, {report['num_decoded']:,} of them decoded"]
    for split, found in report["splits"].items():
        classes = ", ".join(f"{name} {count:,}" for name, count in found["classes"].items())
        lines.append(f"  {split:5}  {found['num_images']:,} images in {len(found['classes'])} classes: {classes}")
    lines.append("sizes: " + ", ".join(f"{s['width']} x {s['height']} ({s['count']:,})" for s in report["sizes"]))
    lines.append("channels: " + ", ".join(f"{kind} ({number:,})" for kind, number in report["channels"].items()))
    if (values := report["value_range"]) is not None:
        lines.append(
            f"values: {number(values['lowest'])} to {number(values['highest'])} in {values['num_measured']:,} of"
            f" {values['num_images']:,} images with more than 8 bits per channel; a training shows"
            f" {number(values['low'])} to {number(values['high'])} as black to white unless data.value_range is set"
        )
    for level in ("errors", "warnings"):
        for finding in report[level]:
            lines.append(f"{level[:-1]}: {finding['message']}")
            lines += [f"    {name}" for name in finding["files"]]
            more = finding["count"] - len(finding["files"])
            lines += [f"    and {more:,} more"] * (more > 0)
    lines.append("training is impossible" if report["errors"] else "training is possible")
    return "\n".join(map(_printable, lines))


def _printable(line: str) -> str:
    """Replace characters of a folder's name that would break the line or move the cursor."""
    return "".join(each if each.isprintable() else "\ufffd" for each in line)
