"""Answer the service's requests for predictions: `python -m trainer.predictor CHANNEL_FD`.

Needs only onnxruntime, numpy and Pillow. Each request and each answer is a line of JSON. The process keeps the most
recently used models, and exits when the service closes the channel.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.dataset.imagefile import ignore_warnings
from trainer.dataset.invalid import DataInvalid
from trainer.model.heatmap import as_data_url
from trainer.model.session import ModelInvalid, OnnxModel

MAX_MODELS = 2
"""Two, so that two models can be compared without reloading either."""
MAX_DATA_BYTES = 6 * 1024**3
"""The limit on the process's memory. A model that needs more is refused."""
NICE = 10
"""Trainings on the same machine come first."""

Json = dict[str, Any]


class Models:
    """The most recently used models, in memory. A changed file is reloaded."""

    def __init__(self, num_threads: int) -> None:
        self._num_threads = num_threads
        self._loaded: OrderedDict[tuple[str, int, int, int], OnnxModel] = OrderedDict()

    def get(self, path: Path) -> OnnxModel:
        """Raises ModelInvalid and OSError."""
        status = path.stat()
        key = str(path), status.st_ino, status.st_mtime_ns, status.st_size
        if key not in self._loaded:
            while len(self._loaded) >= MAX_MODELS:
                self._loaded.popitem(last=False)
            self._loaded[key] = OnnxModel(path, self._num_threads)
        self._loaded.move_to_end(key)
        return self._loaded[key]


def answer(models: Models, request: Mapping[str, Any]) -> Json:
    """Return `predictions`, or `unreadable` (the reason by image), or the `problem` of the model.

    A request names the `model`, the `images` (each with `name` and `path`), `top` and whether it wants a `heatmap`.
    """
    started_at = time.monotonic()
    try:
        model = models.get(Path(request["model"]))
    except (ModelInvalid, OSError) as error:
        return {"problem": str(error).replace(request["model"], Path(request["model"]).name)}
    pixels, unreadable = _read(model, request["images"])
    if unreadable:
        return {"unreadable": unreadable}
    predictions = [
        {
            "file": image["name"],
            "classes": [{"name": name, "probability": probability} for name, probability in ranking],
            "heatmap": as_data_url(heatmap, model.image_size) if request["heatmap"] and heatmap is not None else None,
        }
        for image, (ranking, heatmap) in zip(request["images"], model.predict(np.stack(pixels), request["top"]))
    ]
    duration_ms = round((time.monotonic() - started_at) * 1000, 1)
    return {"predictions": predictions, "preprocessing": model.describe_input(), "duration_ms": duration_ms}


def _read(model: OnnxModel, images: Sequence[Mapping[str, str]]) -> tuple[list[NDArray[np.uint8]], dict[str, str]]:
    pixels, unreadable = [], {}
    for image in images:
        try:
            pixels.append(model.read(Path(image["path"])))
        except DataInvalid as error:
            unreadable[image["name"]] = str(error).rpartition(f"{image['path']}: ")[2]
        except MemoryError:
            unreadable[image["name"]] = "it needs more memory than a prediction may use"
    return pixels, unreadable


def main(channel: socket.socket) -> None:
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_DATA_BYTES, MAX_DATA_BYTES))
    ignore_warnings()
    channel.setblocking(True)  # Eventlet's half of the service made it non-blocking.
    models = Models(num_threads=max(1, min(4, len(os.sched_getaffinity(0)))))
    with channel, channel.makefile("rwb") as lines:
        for line in lines:
            lines.write(json.dumps(answer(models, json.loads(line))).encode() + b"\n")
            lines.flush()


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
