"""Stop on SIGTERM or SIGINT: keep the work, or end at once; stop.json says which.

The signals are taken by a thread of their own (signal.set_wakeup_fd), so that "end at once" holds even while the main
thread sits in a long computation of native code. Standard library only: it is in force before torch is imported.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path

from trainer import rundir

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(BaseException):
    """The training left off because a stop was asked for. No Exception, so that no library takes it for a failure."""


class Stop:
    """Whether a stop was asked for, and until when it means to end at once.

    Mode "discard" always ends the process at once; so does "save" before `begin_keeping` (there is nothing to keep)
    and a second SIGINT (Ctrl-C twice). Otherwise `requested` becomes true and the training ends by itself. After
    `finish` signals have no effect any more. The exit code is 128 + the signal's number.
    """

    def __init__(self, stop_json: Path) -> None:
        """`stop_json` is read at each signal and may be absent, which means mode "save"."""
        self._stop_json = stop_json
        self._keeping = False
        self._finished = False
        self._signal_number = 0
        self._count = 0

    @property
    def requested(self) -> bool:
        return self._signal_number != 0

    @property
    def exit_code(self) -> int:
        """What to exit with after `requested`."""
        return 128 + self._signal_number

    def listen(self) -> None:
        """Take the signals from now on. Call it from the main thread, once."""
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in SIGNALS:
            # The thread does the work; this handler only keeps the default action (death, KeyboardInterrupt) away.
            signal.signal(number, lambda *_: None)
        threading.Thread(target=self._follow, args=(reader,), name="stop-signals", daemon=True).start()

    def begin_keeping(self) -> None:
        """From now on "save" has something to save."""
        self._keeping = True

    def finish(self) -> None:
        """The run is complete; a late signal changes nothing."""
        self._finished = True

    def check(self) -> None:
        """Raise Stopped if a stop was asked for."""
        if self.requested:
            raise Stopped

    def _follow(self, reader: int) -> None:
        while received := os.read(reader, 1):
            if received[0] in SIGNALS and not self._finished:
                self._take(received[0])

    def _take(self, number: int) -> None:
        self._count += number == signal.SIGINT
        content = rundir.read_json(self._stop_json) or {}
        if content.get("mode") == "discard" or self._count > 1:
            end_at_once(128 + number, "stopped at once; nothing more is kept")
        if not self._keeping:
            end_at_once(128 + number, "stopped before the training began; there is nothing to keep")
        self._signal_number = self._signal_number or number


def end_at_once(exit_code: int, reason: str) -> None:
    """End the process without any cleaning up. Loader processes end with it (see trainer.batches.datamodule)."""
    # A closed terminal or a full disk must not keep the process alive.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.write(sys.stdout.fileno(), f"{reason}\n".encode())
    os._exit(exit_code)


def leave_to_parent() -> None:
    """Undo `listen` in a forked process: there, a signal is none of the training's business."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
