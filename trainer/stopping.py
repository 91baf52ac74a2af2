"""Stop on SIGTERM or SIGINT. stop.json says whether to save the work or to exit at once.

A thread receives the signals (signal.set_wakeup_fd), so that the process can exit at once even while the main thread
runs native code. Standard library only, because it starts before torch is imported.
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
    """A stop ended the training. Not an Exception, so that no library handles it as a failure."""


class Stop:
    """The stop request of this process.

    The process exits at once in mode "discard", before `begin_keeping` (there is nothing to save yet), and on a second
    SIGINT (Ctrl-C twice). Otherwise `requested` becomes true and the training saves and ends. After `finish` signals
    have no effect. The exit code is 128 + the signal's number.
    """

    def __init__(self, stop_json: Path) -> None:
        """`stop_json` is read at each signal. Without it the mode is "save"."""
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
        """The exit code once `requested` is true."""
        return 128 + self._signal_number

    def listen(self) -> None:
        """Receive the signals from now on. Call it once, from the main thread."""
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in SIGNALS:
            # The thread does the work. This handler only replaces the default action (death, KeyboardInterrupt).
            signal.signal(number, lambda *_: None)
        threading.Thread(target=self._follow, args=(reader,), name="stop-signals", daemon=True).start()

    def begin_keeping(self) -> None:
        """From now on the mode "save" has something to save."""
        self._keeping = True

    def finish(self) -> None:
        """The run is complete. Later signals have no effect."""
        self._finished = True

    def check(self) -> None:
        """Raise Stopped if a stop was requested."""
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
            end_at_once(128 + number, "stopped at once; nothing more is saved")
        if not self._keeping:
            end_at_once(128 + number, "stopped while the training was starting; there is nothing to save")
        self._signal_number = self._signal_number or number


def end_at_once(exit_code: int, reason: str) -> None:
    """Exit without cleanup. Loader processes exit too (see trainer.batches.datamodule)."""
    # A closed terminal or a full disk must not keep the process alive.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.write(sys.stdout.fileno(), f"{reason}\n".encode())
    os._exit(exit_code)


def leave_to_parent() -> None:
    """Undo `listen` in a forked process, where signals are not for the training."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group, but only the parent decides.
