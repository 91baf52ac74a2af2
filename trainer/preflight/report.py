"""The report of a check: what is kept, answered and printed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from trainer.dataset.imagefolder import count_endings, readable
from trainer.dataset.inventory import Inventory, SplitInventory
from trainer.dataset.valuerange import find_range, number
from trainer.preflight.check import Looks
from trainer.preflight.finding import MAX_FILES
from trainer.preflight.findings import channels, find_errors, find_warnings
from trainer.rundir import read_json, utc_now

CHECKING, CHECKED = "checking", "checked"
FORMAT = 2
"""Raised when the report changes, so that kept ones of another form are made anew."""
MAX_SIZES = 10

Report = dict[str, Any]


def compose(inventory: Inventory, looks: Looks, max_files: int | None = MAX_FILES) -> Report:
    """Report what is known after `looks`, which may be a part of the images; `status` says whether they are all.

    A finding names `max_files` files at most; None: all.
    """
    sizes = Counter((seen.width, seen.height) for seen in looks.values() if seen.problem is None)
    total = len(inventory.files)
    return {
        "status": CHECKED if len(looks) == total else CHECKING,
        "done": len(looks),
        "total": total,
        "num_decoded": sum(1 for seen in looks.values() if seen.is_decoded),
        "checked_at": utc_now(),
        "splits": {split: _split(found) for split, found in inventory.splits.items()},
        "sizes": [{"width": w, "height": h, "count": count} for (w, h), count in sizes.most_common(MAX_SIZES)],
        "num_sizes": len(sizes),
        "channels": dict(Counter(channels(seen) for seen in looks.values() if seen.problem is None).most_common()),
        "value_range": _value_range(looks),
        "errors": [finding.as_json(max_files) for finding in find_errors(inventory, looks)],
        "warnings": [finding.as_json(max_files) for finding in find_warnings(inventory, looks)],
    }


def _split(found: SplitInventory) -> dict[str, Any]:
    return {
        "path": readable(str(found.folder)),
        "num_images": sum(found.num_images.values()),
        "classes": found.num_images,
        "ignored": {readable(ending): number for ending, number in count_endings(found.ignored).items()},
    }


def _value_range(looks: Looks) -> dict[str, Any] | None:
    """What a training shows of images with more than 8 bits per channel; None if no such image was decoded."""
    measured = [seen.extremes for seen in looks.values() if seen.extremes is not None]
    if not measured:
        return None
    low, high = find_range(measured)
    return {
        "low": low,
        "high": high,
        "lowest": min(each.low for each in measured),
        "highest": max(each.high for each in measured),
        "num_measured": len(measured),
        "num_images": sum(1 for seen in looks.values() if seen.is_deep),
    }


def kept_report(path: Path, state: str) -> Report | None:
    """Read the finished report kept in `path`, or None: none is there, it is spoilt, or of another state."""
    kept = read_json(path) or {}
    report = kept.get("report")
    if (kept.get("format"), kept.get("state")) != (FORMAT, state) or not isinstance(report, dict):
        return None
    return report if report.get("status") == CHECKED else None


def as_text(report: Report) -> str:
    """The report for a terminal."""
    lines = [f"{report['total']:,} images, {report['num_decoded']:,} of them decoded"]
    for split, told in report["splits"].items():
        classes = ", ".join(f"{name} {number:,}" for name, number in told["classes"].items())
        lines.append(f"  {split:5}  {told['num_images']:,} images in {len(told['classes'])} classes: {classes}")
    lines.append("sizes: " + ", ".join(f"{s['width']} x {s['height']} ({s['count']:,})" for s in report["sizes"]))
    lines.append("channels: " + ", ".join(f"{kind} ({number:,})" for kind, number in report["channels"].items()))
    if (found := report["value_range"]) is not None:
        lines.append(
            f"values: {number(found['lowest'])} to {number(found['highest'])} in {found['num_measured']:,} of"
            f" {found['num_images']:,} images with more than 8 bits per channel; a training shows"
            f" {number(found['low'])} to {number(found['high'])} as black to white unless data.value_range is set"
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
    """A folder's name may hold a newline or a code that moves the terminal's cursor."""
    return "".join(each if each.isprintable() else "\ufffd" for each in line)
