"""Write the report into the run directory: report.json, report.md and the images in report/."""

from __future__ import annotations

import itertools
import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from trainer import rundir
from trainer.preparation.images import Split, describe_splits
from trainer.report import mistakes, plots
from trainer.report.curves import read_curves
from trainer.report.markdown import accuracy_line, as_markdown
from trainer.report.metrics import measure
from trainer.report.outputs import Outputs
from trainer.report.pictures import Heatmaps, Pictures, make
from trainer.report.style import drawing
from trainer.request import Request
from trainer.rundir import RunDir

MAX_PAIRS = 10
"""The most confused pairs of classes, whose images are shown."""


def report_on_test(
    request: Request,
    outputs: Outputs,
    checkpoint: Path,
    loss: float,
    find_heatmaps: Callable[[Sequence[int]], Heatmaps],
) -> str:
    """Write the report and return a log line about it. `find_heatmaps` takes indices of tested images.

    A failure must not lose the trained network: it prints the traceback and returns a line with the reason.
    """
    try:
        report = write_report(request, outputs, checkpoint, loss, find_heatmaps)
    except Exception as error:
        traceback.print_exc()
        return f"report failed: {error}"
    return f"report: accuracy {accuracy_line(report['accuracy'])}: {request.run.report_text}"


def write_report(
    request: Request,
    outputs: Outputs,
    checkpoint: Path,
    loss: float,
    find_heatmaps: Callable[[Sequence[int]], Heatmaps],
) -> dict[str, Any]:
    """Write all files and return the content of report.json, which is written last, when its files exist."""
    split, run = request.tested_split, request.run
    tested = request.splits[split]
    report: dict[str, Any] = {
        "run_id": run.run_id,
        "created_at": rundir.utc_now(),
        "model_name": request.model_name,
        "dataset_name": request.dataset_name,
        "config_name": request.config_name,
        "checkpoint": checkpoint.name,
        "split": split,
        "splits": describe_splits(request.splits),
        "notes": notes(request.splits),
        "loss": round(loss, 6) if math.isfinite(loss) else None,
        **measure(outputs, tested.class_names),
    }
    _save_images(report, outputs, request, find_heatmaps)
    report["plots"] = _draw(run, report)
    rundir.write_text(run.report_text, as_markdown(report))
    rundir.write_json(run.report, report)
    return report


def notes(splits: Mapping[str, Split]) -> list[str]:
    """Return notes for the reader: images split off or skipped, and missing test images."""
    split_off = [
        f"The dataset has no {name} folder. The {name} images are {split.origin}."
        for name, split in splits.items()
        if split.origin
    ]
    unreadable = [f"{split.num_unreadable:,} {name}" for name, split in splits.items() if split.num_unreadable]
    skipped = [f"Unreadable images were skipped: {', '.join(unreadable)}."] if unreadable else []
    untested = (
        "There are no test images. These results are for the val images, which also chose the best checkpoint. Expect "
        "worse results for new images."
    )
    return [*split_off, *skipped] if "test" in splits else [*split_off, *skipped, untested]


def _save_images(
    report: dict[str, Any], outputs: Outputs, request: Request, find_heatmaps: Callable[[Sequence[int]], Heatmaps]
) -> None:
    """Add the most confident mistakes to `report`, and examples to its most frequent confusions."""
    names = {name: label for label, name in enumerate(request.splits[request.tested_split].class_names)}
    found = mistakes.find_mistakes(outputs)
    examples = [
        mistakes.find_examples(outputs, names[each["true"]], names[each["predicted"]])
        for each in report["confusions"][:MAX_PAIRS]
    ]
    pictures = Pictures(request, outputs, find_heatmaps(sorted({*found, *itertools.chain(*examples)})))
    report["mistakes"] = [pictures.describe(index) for index in found]
    for confusion, indices in zip(report["confusions"], examples):
        confusion["examples"] = [pictures.describe(index) for index in indices]


def _draw(run: RunDir, report: dict[str, Any]) -> dict[str, str]:
    """Draw the plots that have content and return their paths within the run."""
    shown = [each for each in report["mistakes"] if each["image"]]
    figures: dict[str, Callable[[], Figure]] = {
        "confusion_matrix": lambda: plots.draw_confusion_matrix(report["confusion_matrix"], len(report["classes"])),
        "reliability": lambda: plots.draw_reliability(report["calibration"]),
    }
    if shown:
        images = [run.path / (each["heatmap"] or each["image"]) for each in shown]
        figures["mistakes"] = lambda: plots.draw_mistakes(shown, images)
    curves = read_curves(run.metrics) if run.metrics.exists() else {}
    if curves:
        figures["curves"] = lambda: plots.draw_curves(curves)
    texts = [*report["confusion_matrix"]["class_names"], *(each["file"] for each in shown)]
    with drawing(texts):
        paths = {name: _save_figure(run, name, figure) for name, figure in figures.items()}
    return {name: path for name, path in paths.items() if path is not None}


def _save_figure(run: RunDir, name: str, figure: Callable[[], Figure]) -> str | None:
    target = run.report_pictures / f"{name}.png"
    # Figure.savefig would draw twice: once for the layout, which drawing finds anyway.
    return make(run, target, lambda: FigureCanvasAgg(figure()).print_png(target))  # type: ignore[no-untyped-call]
