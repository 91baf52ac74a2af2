"""Some images of each class, small, as a training reads them: `python -m trainer.preview data/digits/train`.

Prints JSON: {"num_classes", "classes": [{"class_name", "num_images", "images": [data URL]}]}. The service runs it as a
process of its own, so that an image that kills its reader ends nothing else.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainer.imagefile import ignore_warnings
from trainer.imagefolder import contents, list_folder, readable
from trainer.images import DataInvalid, open_image

MAX_CLASSES = 24
MAX_SIDE = 96
"""Pixels of a thumbnail's longer side; a smaller image stays as it is."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m trainer.preview", description="Show some images of each class.")
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
    """`per_class` images of each of the first classes, from all over the class. Raises OSError."""
    top = list_folder(folder)
    if top.problems:
        raise OSError(f"{top.problems[0].path}: {top.problems[0].reason}")
    shown = []
    for each in top.folders[:MAX_CLASSES]:
        paths = contents(each).images
        images = list(_thumbnails(_spread(paths, per_class)))
        shown.append({"class_name": readable(each.name), "num_images": len(paths), "images": images})
    return {"num_classes": len(top.folders), "classes": shown}


def _spread(paths: list[Path], number: int) -> list[Path]:
    number = min(number, len(paths))
    return [paths[i * len(paths) // number] for i in range(number)]


def _thumbnails(paths: list[Path]) -> Iterator[str]:
    """What cannot be read is left out: the check of the dataset names it."""
    for path in paths:
        try:
            image = open_image(path, channels=3)
        except DataInvalid:
            continue
        image.thumbnail((MAX_SIDE, MAX_SIDE))
        encoded = io.BytesIO()
        image.save(encoded, "PNG")
        yield "data:image/png;base64," + base64.b64encode(encoded.getvalue()).decode()


if __name__ == "__main__":
    sys.exit(main())
