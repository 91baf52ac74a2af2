"""The program that sends notices: `python -m app.runs.notify.sender < request`.

The request is JSON: `addresses` (URLs by name) and `notices` (paths). It is not on the command line, because every
user can read that. The program records each attempt in the notice before sending, and each result afterwards.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from app.runs.notify.notice import Delivery, Notice
from app.runs.notify.sending import send
from trainer.rundir import utc_now

MAX_SEND_S = 60.0
HANGS = f"no answer within {MAX_SEND_S:g} seconds"


class Sender:
    """Send notices to all their addresses at the same time."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses
        self._notices: dict[Path, Notice] = {}
        self._writing = threading.Lock()

    def run(self, paths: Iterable[Path]) -> NoReturn:
        """Send what is due. Exit when every address has answered, or after MAX_SEND_S."""
        deadline = time.monotonic() + MAX_SEND_S
        threads = [
            threading.Thread(target=self._send, args=(path, delivery), daemon=True)
            for path in paths
            for delivery in self._begin(path)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._writing:
            os._exit(0)  # A thread that hangs would keep the process alive.

    def _begin(self, path: Path) -> list[Delivery]:
        """Record the attempts to send a notice, and return them. Send nothing that cannot be recorded."""
        notice, at = Notice.read(path), utc_now()
        if notice is None:
            return []
        attempts = [
            replace(each, attempts=each.attempts + 1, attempted_at=at, problem=HANGS)
            for each in notice.deliveries
            if each.is_due(at) and each.address in self._addresses
        ]
        for attempt in attempts:
            notice = notice.with_delivery(attempt)
        try:
            notice.write()
        except OSError:
            return []
        self._notices[path] = notice
        return attempts

    def _send(self, path: Path, attempt: Delivery) -> None:
        message = self._notices[path].message
        problem = send(self._addresses[attempt.address], message.title, message.body, message.kind)
        sent_at = utc_now() if problem is None else None
        with self._writing, suppress(OSError):  # The run may have been deleted.
            self._notices[path] = self._notices[path].with_delivery(replace(attempt, sent_at=sent_at, problem=problem))
            self._notices[path].write()


def main() -> None:
    request = json.load(sys.stdin)
    Sender(request["addresses"]).run(map(Path, request["notices"]))


if __name__ == "__main__":
    main()
