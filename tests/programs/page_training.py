"""A training that follows the file ORDERS, one JSON object per line: `page_training.py RUN_DIR ORDERS`.

{"row": {column: value}} appends to metrics.csv; a new column rewrites the file with a wider header, as Lightning does.
{"print": text} writes the text to the log unchanged. {"progress": {...}} replaces progress.json.
{"file": path, "text": text} replaces that file in the run directory. {"exit": code} exits.
"""

import csv
import json
import os
import sys
import time
from pathlib import Path

run_dir, orders = Path(sys.argv[1]), Path(sys.argv[2])
columns: list[str] = []
rows: list[dict[str, float]] = []


def write_rows() -> None:
    with open(run_dir / "metrics.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def append(row: dict[str, float]) -> None:
    rows.append(row)
    if set(row) - set(columns):
        columns[:] = sorted({*columns, *row})
        write_rows()
        return
    with open(run_dir / "metrics.csv", "a", newline="") as file:
        csv.DictWriter(file, columns).writerow(row)


def replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(text)
    os.replace(temporary, path)


def follow(order: dict) -> None:
    if "row" in order:
        append(order["row"])
    elif "print" in order:
        sys.stdout.write(order["print"])
        sys.stdout.flush()
    elif "progress" in order:
        replace(run_dir / "progress.json", json.dumps(order["progress"]))
    elif "file" in order:
        replace(run_dir / order["file"], order["text"])
    else:
        sys.exit(order["exit"])


with open(orders) as file:
    unfinished = ""
    while True:
        unfinished += file.readline()
        if unfinished.endswith("\n"):
            follow(json.loads(unfinished))
            unfinished = ""
        else:
            time.sleep(0.005)
