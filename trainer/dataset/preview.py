"""Make thumbnails of some images of each class: `python -m trainer.dataset.preview data/digits/train`.

Prints JSON: {"num_classes", "classes": [{"class_name", "num_images", "images": [data URL]}]}. Images with more than 8
bits per channel share one value range, found from the shown images. The service runs this in a process of its own,
because a damaged image may crash its decoder.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from trainer.dataset.imagefile import Depth, ignore_warnings, inspect, open_image
from trainer.dataset.imagefolder import contents, list_folder, readable
from trainer.dataset.invalid import DataInvalid
from trainer.dataset.valuerange import ValueRange, find_range

MAX_CLASSES = 24
MAX_SIDE = 96
"""The longer side of a thumbnail in pixels. A smaller image keeps its size."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m trainer.dataset.preview", description="Show some images of each class."
    )
    parser.add_argument("folder", type=Path, help="one split: a folder of class folders")
    parser.add_argument("--per-class", type=int, default=6, metavar="N", help="images of each class (default: 6)")
    options = parser.parse_args(argv)
    ignore_warnings()
    try:
        print(json.dumps(preview(options.folder, options.per_class)))
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def preview(folder: Path, per_class: int) -> dict[str, Any]:
    """Return `per_class` images, spread evenly, of each of the first classes. Raises OSError."""
    top = list_folder(folder)
    if top.problems:
        raise OSError(f"{top.problems[0].path}: {top.problems[0].reason}")
    paths = {readable(each.name): contents(each).images for each in top.folders[:MAX_CLASSES]}
    chosen = {name: _spread(found, per_class) for name, found in paths.items()}
    value_range = _value_range(path for each in chosen.values() for path in each)
    shown = [
        {"class_name": name, "num_images": len(paths[name]), "images": list(_thumbnails(each, value_range))}
        for name, each in chosen.items()
    ]
    return {"num_classes": len(top.folders), "classes": shown}


def _value_range(paths: Iterable[Path]) -> ValueRange | None:
    inspections = (inspect(path, Depth.DEEP_IMAGES) for path in paths)
    measured = [seen.extremes for seen in inspections if seen.extremes is not None]
    return find_range(measured) if measured else None


def _spread(paths: list[Path], number: int) -> list[Path]:
    number = min(number, len(paths))
    return [paths[i * len(paths) // number] for i in range(number)]


def _thumbnails(paths: list[Path], value_range: ValueRange | None) -> Iterator[str]:
    """Leave out unreadable images, which the check of the dataset reports."""
    for path in paths:
        try:
            image = open_image(path, 3, value_range)
        except DataInvalid:
            continue
        image.thumbnail((MAX_SIDE, MAX_SIDE))
        encoded = io.BytesIO()
        image.save(encoded, "PNG")
        yield "data:image/png;base64," + base64.b64encode(encoded.getvalue()).decode()


if __name__ == "__main__":
    sys.exit(main())
