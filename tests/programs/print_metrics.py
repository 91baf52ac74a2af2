"""Print as well-known training programs do, and write no file: `print_metrics.py STYLE GO`.

The styles are `plain` (lines), `bars` (tqdm bars, one inside another), and `dicts` (dictionaries between the states of
a bar). The program prints epoch N only once the file GO holds a number of at least N.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tqdm import tqdm

BATCHES = 40


def plain(epochs: Iterator[int]) -> None:
    for epoch in epochs:
        for batch in range(0, BATCHES, 10):
            done, loss = f"[{batch * 64}/2560 ({100 * batch / BATCHES:.0f}%)]", 2 / (epoch + batch / BATCHES)
            print(f"Train Epoch: {epoch} {done}\tLoss: {loss:.6f}", flush=True)
        accuracy = f"{800 + 50 * epoch}/1000 ({80 + 5 * epoch}%)"
        print(f"\nTest set: Average loss: {1 / epoch:.4f}, Accuracy: {accuracy}\n", flush=True)


def bars(epochs: Iterator[int]) -> None:
    for epoch in epochs:
        batches = tqdm(range(BATCHES), desc=f"Epoch {epoch}/3", mininterval=0, file=sys.stdout)
        for batch in batches:
            batches.set_postfix(loss=f"{2 / (epoch + batch / BATCHES):.4f}")
            for _ in tqdm(range(3), desc="augmenting", mininterval=0, leave=False, file=sys.stdout):
                pass
        print(f"Epoch {epoch}: val_loss={1 / epoch:.4f} val_acc={0.7 + epoch / 20:.3f}", flush=True)


def dicts(epochs: Iterator[int]) -> None:
    with tqdm(total=3 * BATCHES, mininterval=0) as bar:
        for epoch in epochs:
            for half in (0.5, 1.0):
                bar.update(BATCHES // 2)
                bar.write(str({"loss": f"{2 / (epoch + half):.4f}", "learning_rate": 5e-05, "epoch": epoch - 1 + half}))
            bar.write(str({"eval_loss": f"{1 / epoch:.4f}", "eval_accuracy": 0.5 + epoch / 10, "epoch": float(epoch)}))


def allowed(go: Path) -> Iterator[int]:
    for epoch in (1, 2, 3):
        while not go.exists() or int(go.read_text() or 0) < epoch:
            time.sleep(0.01)
        yield epoch


styles: dict[str, Callable[[Iterator[int]], None]] = {"plain": plain, "bars": bars, "dicts": dicts}
styles[sys.argv[1]](allowed(Path(sys.argv[2])))
