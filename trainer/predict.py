"""Classify images with a model or variant that a training exported: `python -m trainer.predict MODEL.onnx IMAGE...`.

Needs only onnxruntime, numpy and Pillow. Prints a line for each image: path, class and probability, separated by tabs.
Exits with 1 if the model or an image could not be used. It still classifies the other images. With --heatmap it saves
each image with its heatmap laid over.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.dataset.imagefile import Depth, ignore_warnings, inspect
from trainer.dataset.imagefolder import Problem, contents
from trainer.dataset.invalid import DataInvalid
from trainer.dataset.valuerange import ValueRange
from trainer.model.heatmap import OverlayFailed, Overlays
from trainer.model.session import MAX_BATCH, ModelInvalid, OnnxModel, Prediction

MAX_READERS = 8


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    ignore_warnings()
    failed = False
    try:
        model = OnnxModel(options.model)
        overlays = _overlays(options.heatmap, model)
        for path, found in predict(model, options.images, options.top):
            if isinstance(found, str):
                failed = True
                print(f"error: {found}", file=sys.stderr)
                continue
            saved = overlays.save(path, found.heatmap) if overlays and found.heatmap is not None else None
            print(as_json(path, found, saved) if options.json else as_line(path, found))
    except (ModelInvalid, OverlayFailed) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return int(failed)


def _overlays(folder: Path | None, model: OnnxModel) -> Overlays | None:
    if folder is None:
        return None
    if model.explanation is None:
        raise ModelInvalid("the model has no heatmap: train it with export.explanation: true, or leave --heatmap out")
    return Overlays(folder, model.channels, model.value_range)


def predict(model: OnnxModel, paths: Sequence[Path], top: int) -> Iterator[tuple[Path, Prediction | str]]:
    """Yield each image, also those in folders, with its `top` classes or an error message.

    Warns on stderr about images whose values do not fit the model's value range.
    """
    files = list(_expand(paths))
    with ThreadPoolExecutor(min(MAX_READERS, os.cpu_count() or 1)) as pool:
        for start in range(0, len(files), MAX_BATCH):
            batch = files[start : start + MAX_BATCH]
            read = list(pool.map(lambda file: _read(model, file), batch))
            pixels = [each for each in read if not isinstance(each, str)]
            predictions = iter(model.predict(np.stack(pixels), top) if pixels else [])
            for file, each in zip(batch, read):
                path = file.path if isinstance(file, Problem) else file
                yield path, each if isinstance(each, str) else next(predictions)


def _expand(paths: Sequence[Path]) -> Iterator[Path | Problem]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = contents(path)
        yield from found.images
        yield from found.problems
        # Report a folder without images like an unreadable file.
        if not found.images and not found.problems:
            yield path


def _read(model: OnnxModel, path: Path | Problem) -> NDArray[np.uint8] | str:
    if isinstance(path, Problem):
        return f"{path.path} cannot be read: {path.reason}"
    if path.is_dir():
        return f"no images in this folder: {path}"
    if not path.exists():
        return f"no such file: {path}"
    try:
        pixels = model.read(path)
    except DataInvalid as error:
        return str(error)
    _warn_of_misfit(model, path)
    return pixels


def _warn_of_misfit(model: OnnxModel, path: Path) -> None:
    extremes = inspect(path, Depth.DEEP_IMAGES).extremes
    if extremes and model.value_range and model.value_range.flattens(extremes):
        values = ValueRange(extremes.low, extremes.high)
        print(
            f"warning: {path}: its values, {values}, become a single grey level, because the model's value range is"
            f" {model.value_range}",
            file=sys.stderr,
        )


def as_line(path: Path, prediction: Prediction) -> str:
    return "\t".join([str(path), *(f"{name}\t{probability:.4f}" for name, probability in prediction.ranking)])


def as_json(path: Path, prediction: Prediction, heatmap: Path | None) -> str:
    facts: dict[str, Any] = {"path": str(path)}
    facts["classes"] = [{"class": name, "probability": probability} for name, probability in prediction.ranking]
    return json.dumps(facts | ({} if heatmap is None else {"heatmap": str(heatmap)}))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    description = "Classify images with an exported model. Exits with 1 if an image could not be read."
    parser = argparse.ArgumentParser(prog="python -m trainer.predict", description=description)
    parser.add_argument("model", type=Path, metavar="MODEL.onnx", help="the model, or one of its variants")
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="an image, or a folder with images")
    parser.add_argument(
        "--top", type=_count, default=1, metavar="K", help="show the K most probable classes; default: 1"
    )
    parser.add_argument(
        "--heatmap",
        type=Path,
        metavar="OUT",
        help="save each image with its heatmap laid over as OUT/NAME.png, for a model with a heatmap",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object for each image instead of a line")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number from 1")
    return int(text)


if __name__ == "__main__":
    # Print a name that is not UTF-8 with its own bytes.
    sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    sys.stderr.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    try:
        exit_code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # The reader has closed the pipe, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        exit_code = 1
    sys.exit(exit_code)
