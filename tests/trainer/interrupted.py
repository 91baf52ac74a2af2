"""A network that interrupts its own training, so that no test has to catch a moment that lasts milliseconds."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import termios
from collections import Counter
from pathlib import Path
from typing import ClassVar

from torch import Tensor, nn

from tests.waiting import wait_until
from trainer.rundir import RUN_DIR_VARIABLE, RunDir, read_json, write_json

MODEL = "model: {class_path: tests.trainer.interrupted.Interrupted}\n"
VARIABLE = "INTERRUPTIONS"


def interrupting(run_dir: Path, *interruptions: tuple[str, int, str | None, int]) -> dict[str, str]:
    """Return the environment of a training that gets signals.

    An interruption is (moment, pass, mode, signal): during that forward pass of the moment, counted from 1, stop.json
    gets the mode, unless it is None, and the training gets the signal. The moments are `build`, `fit`, `trial` (the
    export after the first step), `validation`, `test` and `export`.
    """
    return {RUN_DIR_VARIABLE: str(run_dir), VARIABLE: json.dumps(interruptions)}


class Interrupted(nn.Module):
    """A network with a backbone, batch norm and dropout."""

    num_passes: ClassVar[Counter[str]] = Counter()
    """The forward passes of this process by moment, those of a network's copies included."""

    def __init__(self, num_classes: int, channels: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(channels, 4, 3), nn.BatchNorm2d(4), nn.Dropout(dropout))
        self.head = nn.Linear(4, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        moment = self._moment()
        self.num_passes[moment] += 1
        for name, number, mode, signal_number in json.loads(os.environ.get(VARIABLE, "[]")):
            if (name, number) == (moment, self.num_passes[moment]):
                _interrupt(mode, signal_number)
        logits: Tensor = self.head(self.backbone(images).relu().mean((2, 3)))
        return logits

    def _moment(self) -> str:
        if self.training:
            return "fit"
        if self.num_passes["fit"] <= 1:
            return "trial" if self.num_passes["fit"] else "build"
        phase = str((read_json(_run().progress) or {}).get("phase"))
        return phase if phase in ("test", "export") else "validation"


def _run() -> RunDir:
    return RunDir(Path(os.environ[RUN_DIR_VARIABLE]))


def _interrupt(mode: str | None, number: int) -> None:
    """Send a signal to this process, and return once trainer.stopping has taken it."""
    if mode is not None:
        write_json(_run().stop, {"mode": mode})
    listener = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(listener)
    os.kill(os.getpid(), number)
    os.write(listener, b"\0")  # The thread that takes the signals reads this only when it has taken ours.
    wait_until(lambda: not _num_unread(listener), 60)


def _num_unread(pipe: int) -> int:
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)
