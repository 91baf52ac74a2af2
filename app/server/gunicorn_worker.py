"""gunicorn's threaded worker, which answers invalid requests in the one shape."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

from gunicorn.http.errors import InvalidResponseHeader, InvalidResponseHeaderName, ParseException
from gunicorn.workers.gthread import ThreadWorker

from app.server import wire

logger = logging.getLogger("gunicorn.error")


class Worker(ThreadWorker):  # type: ignore[misc]  # It has no types.
    def handle(self, conn: Any) -> Any:
        """Handle a request; where no other may follow, linger here and not in the thread that accepts connections."""
        outcome = super().handle(conn)
        if outcome is False:
            wire.end(conn.sock)
        return outcome

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer a request that is not valid HTTP, or one that the app could not answer."""
        is_ours = isinstance(exc, (InvalidResponseHeader, InvalidResponseHeaderName))
        if not isinstance(exc, ParseException) or is_ours:
            logger.error("Error handling a request", exc_info=exc)
            answer = wire.encode(500, f"Unexpected error: {type(exc).__name__}. The service's log has the details.")
        elif req is not None:
            return  # It is in a body that the app did not read, and so has answered already.
        else:
            answer = wire.encode(*wire.refusal(exc))
        with suppress(OSError):
            client.sendall(answer)
