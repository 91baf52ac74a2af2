"""Act as a training: write csv/version_0/metrics.csv, log lines and progress.json, then exit with 0.

`--new-column-at N ...` adds a metric from row N on, which rewrites the file with a wider header.
`--new-column-every N` adds one every N rows. `--pause S` waits S seconds after each row. With `--gates`, the program
writes row N only once the run directory holds a file `go` that is empty or has a number above N. On SIGTERM it exits
with 143.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

from csv_logger import CsvLogger

parser = argparse.ArgumentParser()
parser.add_argument("run_dir", type=Path)
parser.add_argument("--rows", type=int, default=100)
parser.add_argument("--rows-per-epoch", type=int, default=10)
parser.add_argument("--new-column-at", type=int, nargs="*", default=[])
parser.add_argument("--new-column-every", type=int)
parser.add_argument("--pause", type=float, default=0.0)
parser.add_argument("--gates", action="store_true")
parser.add_argument("--stamps", action="store_true", help="log time.time() of the writing")
parser.add_argument("--line", default="é ü 漢字 🙂", help="what each log line says behind its number")
options = parser.parse_args()

signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
folder = options.run_dir / "csv" / "version_0"
folder.mkdir(parents=True)
logger = CsvLogger(folder / "metrics.csv")
extra: list[str] = []


def opened() -> float:
    try:
        return float((options.run_dir / "go").read_text() or "inf")
    except (OSError, ValueError):
        return 0


for number in range(options.rows):
    while options.gates and opened() <= number:
        time.sleep(0.005)
    epoch = number // options.rows_per_epoch
    every = options.new_column_every
    if number in options.new_column_at or (every and number and number % every == 0):
        # The names sort before, between and after the others, so the order of columns changes.
        extra.append(f"{'amz'[len(extra) % 3]}/extra_{len(extra)}")
    row: dict[str, object] = {"epoch": epoch, "step": number, "train/loss": 1 / (number + 1)}
    if options.stamps:
        row["written_at"] = repr(time.time())
    row |= {name: number + i / 8 for i, name in enumerate(extra) if (number + i) % 3 or name == extra[-1]}
    if number % 7 == 3:
        row["train/loss"] = "nan"
    logger.log(row)
    # Write in chunks that split characters, and sometimes end with `\r`, as progress bars do.
    line = f"row {number} {options.line}{chr(13) if number % 5 == 0 else chr(10)}".encode()
    os.write(1, line[: len(line) // 2])
    os.write(1, line[len(line) // 2 :])
    progress = {"epoch": epoch, "max_epochs": options.rows // options.rows_per_epoch, "step": number + 1}
    temporary = options.run_dir / ".progress.json.tmp"
    temporary.write_text(json.dumps(progress))
    temporary.replace(options.run_dir / "progress.json")
    if options.pause:
        time.sleep(options.pause)
