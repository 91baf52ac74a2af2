"""Start one sender at a time, and log what became of the messages."""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from app.runs import child
from app.runs.filelock import locked_if_free
from app.runs.notify.notice import Delivery, Notice

logger = logging.getLogger(__name__)

NOTIFY_LOCK = "notify.lock"
MAX_NOTICES = 50
"""The most notices per sender, so that its request fits into a pipe."""


class Dispatch:
    """Send notices from a separate process, so that nothing else waits for an address."""

    def __init__(self, folder: Path, addresses: Mapping[str, str]) -> None:
        self._lock_path = folder / NOTIFY_LOCK
        self._addresses = addresses
        self._sender: subprocess.Popen[bytes] | None = None
        self._logged: set[tuple[Path, str]] = set()
        """The logged lines about open notices."""

    def send(self, notices: Sequence[Notice]) -> set[Path]:
        """Send what is due, and give up what was tried for long enough. Return the notices that are still open.

        While a sender is working, all of them are open. Raises OSError.
        """
        everything = {notice.path for notice in notices}
        is_sending = self._sender is not None and self._sender.poll() is None
        if is_sending or not notices:
            return everything
        with locked_if_free(self._lock_path) as lock:
            if lock is None:  # The sender of a killed service is still working.
                return everything
            now = [notice for each in notices if (notice := Notice.read(each.path)) is not None]
            now = [self._give_up(notice) for notice in now]
            if due := [notice.path for notice in now if notice.is_due()]:
                self._start(due[:MAX_NOTICES], lock)
        self._log(now)
        return {notice.path for notice in now if not notice.is_settled}

    def _give_up(self, notice: Notice) -> Notice:
        given_up = notice.give_up(self._addresses)
        if given_up != notice:
            given_up.write()
        return given_up

    def _start(self, paths: Iterable[Path], lock: int) -> None:
        """Start a sender. It inherits the lock and survives the service."""
        self._sender = child.spawn(
            "app.runs.notify.sender",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[lock],
            start_new_session=True,
        )
        assert self._sender.stdin is not None
        request = {"addresses": dict(self._addresses), "notices": [str(path) for path in paths]}
        with self._sender.stdin as pipe:
            pipe.write(json.dumps(request).encode())

    def _log(self, notices: Iterable[Notice]) -> None:
        lines = {(each.path, line): each for each in notices for line in map(_outcome, each.deliveries) if line}
        for path, line in lines.keys() - self._logged:
            logger.info("%s: %s", lines[path, line].message.title, line)
        self._logged = {key for key, notice in lines.items() if not notice.is_settled}


def _outcome(delivery: Delivery) -> str | None:
    """Return a line for the log, or None. An address that keeps failing gets one line."""
    if delivery.sent_at is not None:
        return f"sent to {delivery.address}"
    if delivery.given_up_at is not None:
        return f"gave up on {delivery.address} after {delivery.attempts} attempts: {delivery.problem}"
    if delivery.problem is not None:
        return f"not yet sent to {delivery.address}, will retry for a day: {delivery.problem}"
    return None
