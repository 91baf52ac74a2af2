"""A web server that receives notifications, and fails or hangs on demand."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """It accepts every message unless `statuses` holds another answer: a status, or None to hang until `release`."""

    def __init__(self) -> None:
        self.statuses: deque[int | None] = deque()
        self.accepted: list[dict[str, Any]] = []
        self.num_requests = 0
        self.release = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self.address = f"json://127.0.0.1:{self._server.server_port}"

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.accepted]

    def answer(self, message: dict[str, Any]) -> int | None:
        """Return the status of the answer; None to close the connection without one."""
        self.num_requests += 1
        status = self.statuses.popleft() if self.statuses else 200
        if status is None:
            self.release.wait(60)
        elif status == 200:
            self.accepted.append(message)
        return status

    def serve(self) -> None:
        self._server.serve_forever(0.05)

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()


def _handler_of(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.answer(json.loads(body))
            if status is not None:
                self.send_response(status)
                self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    return Handler


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.close()
        thread.join()
