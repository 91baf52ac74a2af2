"""The signals that the runner waits for. Standard library only."""

from __future__ import annotations

import os
import select
import signal


class Signals:
    """Receive SIGTERM, SIGUSR1 and SIGCHLD.

    Ignore SIGHUP and SIGINT, which the server's terminal sends to its whole session.
    """

    def __init__(self) -> None:
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD, signal.SIGHUP, signal.SIGINT):
            # A handler, because the training program would inherit SIG_IGN.
            signal.signal(number, lambda *_: None)

    def wait(self, timeout_s: float | None) -> set[int]:
        """Return the signals that arrived, or an empty set after the timeout."""
        if not select.select([self._reader], [], [], timeout_s)[0]:
            return set()
        return set(os.read(self._reader, 4096))
