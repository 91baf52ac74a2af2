"""Write the report into the run directory: report.json, report.md and the pictures in report/."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from trainer import rundir
from trainer.preparation.images import Split, describe_splits
from trainer.report import mistakes, plots
from trainer.report.curves import read_curves
from trainer.report.markdown import accuracy_line, as_markdown
from trainer.report.metrics import measure
from trainer.report.outputs import Outputs
from trainer.report.style import drawing
from trainer.request import Request
from trainer.rundir import RunDir


def report_on_test(request: Request, outputs: Outputs, checkpoint: Path, loss: float) -> str:
    """Write the report and return the line that tells of it.

    It never fails: the network is trained and tested, and nobody shall lose it for want of a report. Then the line
    says why there is none, below the traceback.
    """
    try:
        report = write_report(request, outputs, checkpoint, loss)
    except Exception as error:
        traceback.print_exc()
        return f"report: could not be made: {error}"
    return f"report: accuracy {accuracy_line(report['accuracy'])}: {request.run.report_text}"


def write_report(request: Request, outputs: Outputs, checkpoint: Path, loss: float) -> dict[str, Any]:
    """Write all files and return report.json's content. It is written last, so what it names is there."""
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
    found = mistakes.find_mistakes(outputs)
    report["mistakes"] = [mistakes.describe(index, outputs, tested, split) for index in found]
    for number, index in enumerate(found, 1):
        report["mistakes"][number - 1]["image"] = _save_mistake(request, number, tested.paths[index])
    report["plots"] = _draw(run, report)
    rundir.write_text(run.report_text, as_markdown(report))
    rundir.write_json(run.report, report)
    return report


def notes(splits: Mapping[str, Split]) -> list[str]:
    """Say what a reader must know: which images were split off or left out, and that none were left to test on."""
    made = [
        f"There is no {name} folder: the {name} images are {split.origin}."
        for name, split in splits.items()
        if split.origin
    ]
    unreadable = [f"{len(split.unreadable):,} {name}" for name, split in splits.items() if split.unreadable]
    left_out = [f"Unreadable images were left out: {', '.join(unreadable)}."] if unreadable else []
    untested = (
        "There are no test images. These results are on the val images, by which the best checkpoint was chosen, so "
        "they are likely better than on images that the training never saw."
    )
    return [*made, *left_out] if "test" in splits else [*made, *left_out, untested]


def _save_mistake(request: Request, number: int, source: Path) -> str | None:
    target = request.run.report_pictures / "mistakes" / f"{number:02d}.png"
    return _make(request.run, target, lambda: mistakes.save_small(source, request.experiment.data, target))


def _draw(run: RunDir, report: dict[str, Any]) -> dict[str, str]:
    """Draw what there is to draw; return each picture's path within the run."""
    shown = [each for each in report["mistakes"] if each["image"]]
    metrics = run.find_metrics()
    figures: dict[str, Callable[[], Figure]] = {
        "confusion_matrix": lambda: plots.draw_confusion_matrix(report["confusion_matrix"], len(report["classes"])),
        "reliability": lambda: plots.draw_reliability(report["calibration"]),
    }
    if shown:
        figures["mistakes"] = lambda: plots.draw_mistakes(shown, [run.path / each["image"] for each in shown])
    curves = read_curves(metrics.path) if metrics else {}
    if curves:
        figures["curves"] = lambda: plots.draw_curves(curves)
    texts = [*report["confusion_matrix"]["class_names"], *(each["file"] for each in shown)]
    with drawing(texts):
        drawn = {name: _save_figure(run, name, figure) for name, figure in figures.items()}
    return {name: path for name, path in drawn.items() if path is not None}


def _save_figure(run: RunDir, name: str, figure: Callable[[], Figure]) -> str | None:
    target = run.report_pictures / f"{name}.png"
    return _make(run, target, lambda: figure().savefig(target))


def _make(run: RunDir, target: Path, make: Callable[[], None]) -> str | None:
    """Make a picture and return its path within the run, or None where that failed: the numbers are worth more."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        make()
    except Exception:
        traceback.print_exc()
        with suppress(OSError):
            target.unlink()
        return None
    return target.relative_to(run.path).as_posix()
