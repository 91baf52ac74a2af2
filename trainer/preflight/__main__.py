"""Check a dataset: `python -m trainer.preflight data/digits`. Exits with 1 if it cannot be trained on.

The service runs it with --cache FILE. The file then holds the report for the present state of the images. While the
check is running, it holds the findings so far. With --remember DIR a training on these images reads only those that
have changed since the check.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from pathlib import Path

from trainer.dataset.imagefile import ignore_warnings
from trainer.dataset.inventory import Inventory, take_inventory
from trainer.dataset.remembered import RememberedInspections
from trainer.dataset.splits import SPLITS, Layout, find_layout
from trainer.preflight.check import Inspections, check_images
from trainer.preflight.finding import MAX_FILES
from trainer.preflight.report import FORMAT, Report, as_text, cached_report, compose
from trainer.rundir import write_json

DECODE_S = 10.0


def main(argv: list[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    ignore_warnings()
    layout = _layout(options)
    if layout.problem is None and "train" not in layout.folders:
        _parser().error("give the dataset's folder, or --train-data-dir")
    try:
        if options.cache is None:
            inventory = take_inventory(layout)
            inspections = check_images(inventory, options.decode_s, lambda _: None)
            report = compose(inventory, inspections, None if options.all else MAX_FILES)
        else:
            os.nice(10)  # A training may be running.
            report = check_once(layout, options.cache, options.decode_s, options.remember)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.cache is None:
        print(as_text(report))
    return 1 if report["errors"] else 0


def check_once(layout: Layout, cache: Path, decode_s: float, remember: Path | None = None) -> Report:
    """Return the report in `cache` if it is of the present state of the files, else check and write it.

    If several processes are called at once, one checks and the others wait for it. `remember` is the folder of the
    inspections that trainings share.
    """
    cache.parent.mkdir(parents=True, exist_ok=True)
    with open(cache.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        inventory = take_inventory(layout)
        report = cached_report(cache, inventory.state)
        if report is None:
            _save(cache, inventory, {})
            inspections = check_images(inventory, decode_s, lambda inspections: _save(cache, inventory, inspections))
            report = _save(cache, inventory, inspections)
            if remember is not None:
                _remember(inventory, inspections, remember)
        return report


def _save(cache: Path, inventory: Inventory, inspections: Inspections) -> Report:
    report = compose(inventory, inspections)
    write_json(cache, {"format": FORMAT, "state": inventory.state, "pid": os.getpid(), "report": report})
    return report


def _remember(inventory: Inventory, inspections: Inspections, cache_dir: Path) -> None:
    for split in inventory.splits.values():
        remembered = RememberedInspections(cache_dir, split.folder)
        for file, seen in inspections.items():
            if file.split == split.split:
                remembered.add(file.path, seen)
        remembered.save()


def _layout(options: argparse.Namespace) -> Layout:
    if options.dataset:
        return find_layout(options.dataset)
    given = {split: getattr(options, f"{split}_data_dir") for split in SPLITS}
    return Layout({split: folder for split, folder in given.items() if folder})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trainer.preflight", description="Check a dataset before training.")
    parser.add_argument("dataset", type=Path, nargs="?", help="folder with train, and val and test if they exist")
    for split in SPLITS:
        parser.add_argument(f"--{split}-data-dir", type=Path, help=f"folder of the {split} images")
    parser.add_argument("--cache", type=Path, help="write the report to this file instead of the terminal")
    parser.add_argument(
        "--remember", type=Path, metavar="DIR", help="remember in this folder what was read of each image"
    )
    parser.add_argument("--all", action="store_true", help="name every file of a finding, not only the first 20")
    parser.add_argument(
        "--decode-s",
        type=float,
        default=DECODE_S,
        help="seconds after which images are no longer decoded (inf: decode all)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
