"""Read the last epoch and step in a metrics CSV without reading the file."""

from __future__ import annotations

import csv
import os

from app.runs.metrics.chunk import Chunk, Number
from app.runs.metrics.header import Header, read_header
from trainer.experiment.outputs import MetricsOutput
from trainer.runfile import RunFile

LAST_BYTES = 16 * 1024


def last_counters(file: RunFile, declared: MetricsOutput) -> dict[str, Number]:
    """Return the epoch and the step that were logged last, as far as the last 16 KiB have them.

    Empty if the file cannot be read.
    """
    try:
        with file.open() as opened:
            written = read_header(opened.fileno())
            begin = max(len(written), os.fstat(opened.fileno()).st_size - LAST_BYTES)
            data = os.pread(opened.fileno(), LAST_BYTES, begin)
        header = Header.parse(written, declared)
    except (OSError, ValueError, csv.Error):
        return {}
    lines = data[: data.rfind(b"\n") + 1].splitlines()
    if begin > len(written):
        lines = lines[1:]  # Only its end was read.
    chunk = Chunk(header, [line for line in lines if line])
    return {name: values[-1] for index, name in header.counters if (values := chunk.finite(index))}
