"""Find the epoch that a line of a log names."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_WORD_CHARS = 40
"""No relevant word is longer, and a row may name hundreds of epochs."""

_NUMBER = r"(?P<epoch>\d{1,9}(?:\.\d{1,9})?)"
_EPOCH = re.compile(
    rf"\bepoch\b(?:\(\w+\))?[^\w\n]{{0,5}}{_NUMBER}(?![\w.]*[a-z%])(?:\s*(?:/|of)\s*(?P<total>\d{{1,9}}))?",
    re.IGNORECASE,
)
_TIMM = re.compile(rf"^Train: {_NUMBER} \[ *\d+/")
"""PyTorch Image Models: "Train: 3 [ 100/625 ( 16%)]  Loss: 2.31"."""
_COLUMN = re.compile(rf"^\s*{_NUMBER}/(?P<total>\d{{1,9}})\s+\S")
"""Ultralytics begins its bars with the epoch."""
_OTHER_EPOCH = frozenset(
    {
        *("best", "since", "from", "after", "at", "by", "for", "in", "last", "previous", "next", "until", "to", "per"),
        *("every", "each", "save", "saved", "saving", "resume", "resuming", "restore", "restoring", "restored"),
        *("load", "loaded", "loading", "max", "total", "num", "number"),
    }
)
"""Words before an epoch that is not the current one: "best epoch 3", "no improvement since epoch 5"."""
_BATCH = re.compile(
    r"(?:\b(?:step|batch|iter|iteration)s?\b[^\w\n]{0,4}|\]\s*\[\s*)(?P<batch>\d{1,9})\s*(?:/|of)\s*(?P<total>\d{1,9})",
    re.IGNORECASE,
)
"""In PyTorch's examples: "Epoch [3/10], Step [100/600]" and "Epoch: [3][ 100/600]". DETR puts a space between."""
_SHARE = re.compile(r"\[ *\d+/\d+ \( *(?P<percent>\d{1,3})%\)\]")
"""In PyTorch's first example: "Train Epoch: 1 [640/2560 (25%)]"."""


@dataclass(frozen=True)
class NamedEpoch:
    """The epoch that a line names, as the program counts epochs, and how far the line says this epoch is."""

    epoch: float
    max_epochs: int | None
    batch: int | None = None
    num_batches: int | None = None
    percent: float | None = None
    """Of this epoch, from 0 to 100."""


def named_epoch(text: str, is_label: bool = False) -> NamedEpoch | None:
    """Return the epoch that a line names, or that the label of a bar names (`is_label`). None if it names none."""
    for found in _EPOCH.finditer(text):
        if _word_before(text, found.start()) not in _OTHER_EPOCH:
            return _named(found, text)
    other = _COLUMN.match(text) if is_label else _TIMM.match(text)
    return None if other is None else _named(other, text)


def _word_before(text: str, place: int) -> str:
    words = text[max(0, place - MAX_WORD_CHARS) : place].split()
    return words[-1].strip("([{<>}])*#=-:,.'\"").lower() if words else ""


def _named(found: re.Match[str], text: str) -> NamedEpoch:
    epoch, max_epochs = float(found["epoch"]), int(found.groupdict().get("total") or 0)
    batch, share = _BATCH.search(text, found.end("epoch")), _SHARE.search(text, found.end("epoch"))
    number, of = (int(batch["batch"]), int(batch["total"])) if batch else (None, None)
    percent = float(share["percent"]) if share else 100 * number / of if number is not None and of else None
    return NamedEpoch(
        int(epoch) if epoch.is_integer() else epoch,
        max_epochs if max_epochs and max_epochs >= epoch else None,
        number,
        of,
        None if percent is None else min(100.0, percent),
    )
