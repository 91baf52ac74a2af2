"""A minimal custom training program. It fits y = 3 x + 1 by gradient descent.

It writes metrics.csv into its output folder for the service, prints each epoch, and saves its work on SIGTERM.
configs/experiment/command_example.yaml starts it. It needs only Python.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import signal
import threading
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output-dir", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    seconds_per_epoch = float(os.environ.get("EXAMPLE_SECONDS_PER_EPOCH", "1"))

    generator = random.Random(0)
    points = [(x, 3 * x + 1) for x in (generator.uniform(-1, 1) for _ in range(100))]
    slope = offset = 0.0
    with open(options.output_dir / "metrics.csv", "w", newline="") as file:
        metrics = csv.DictWriter(file, ["epoch", "step", "train/loss"])
        metrics.writeheader()
        for epoch in range(options.epochs):
            loss = sum((slope * x + offset - y) ** 2 for x, y in points) / len(points)
            slope -= 0.5 * sum(2 * (slope * x + offset - y) * x for x, y in points) / len(points)
            offset -= 0.5 * sum(2 * (slope * x + offset - y) for x, y in points) / len(points)
            metrics.writerow({"epoch": epoch, "step": epoch, "train/loss": loss})
            file.flush()
            print(f"epoch {epoch}: train/loss {loss:.6f}, {epoch + 1} of {options.epochs} epochs done", flush=True)
            if stop.wait(seconds_per_epoch):
                break

    (options.output_dir / "line.json").write_text(json.dumps({"slope": slope, "offset": offset}))
    print(f"{'stopped' if stop.is_set() else 'done'}: y = {slope:.3f} x + {offset:.3f}", flush=True)
    return 128 + signal.SIGTERM if stop.is_set() else 0


if __name__ == "__main__":
    raise SystemExit(main())
