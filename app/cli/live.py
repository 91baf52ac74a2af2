"""Keep a `Following` connected until its run is over."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from app.cli.connection import Connection, Disconnected
from app.cli.events import ConnectionLost, Event
from app.cli.exceptions import ServiceError, Unreachable
from app.cli.following import Following

MIN_RETRY_S = 0.1
MAX_RETRY_S = 2.0


def follow(following: Following, connect: Callable[[], Connection], check: Callable[[], object]) -> Iterator[Event]:
    """Yield the events of a run until its end, reconnecting as often as needed.

    `check` makes a REST call, which says why the service refuses a connection. Raises ServiceError if retrying is
    pointless.
    """
    retry_s = MIN_RETRY_S
    while not following.is_over:
        try:
            with connect() as connection:
                for event in _listen(following, connection):
                    retry_s = MIN_RETRY_S
                    yield event
        except Disconnected as error:
            _raise_if_refused(check)
            retry_in_s = retry_s * random.uniform(0.5, 1)  # Spread the clients that reconnect after a restart.
            yield ConnectionLost(str(error), retry_in_s)
            time.sleep(retry_in_s)
            retry_s = min(2 * retry_s, MAX_RETRY_S)


def _listen(following: Following, connection: Connection) -> Iterator[Event]:
    """Yield the events that one connection brings. Raises Disconnected."""
    ack_id = 0
    connection.send("subscribe", following.subscription(), ack_id)
    for name, payload in connection.messages():
        if name == str(ack_id):
            _raise_error(payload)
            yield from following.answered(payload)
        else:
            yield from following.received(name, payload)
        if following.is_over:
            return
        if following.must_subscribe:
            ack_id += 1
            connection.send("subscribe", following.subscription(), ack_id)


def _raise_error(answer: dict[str, object]) -> None:
    if "code" in answer:
        error = ServiceError(answer)
        raise Disconnected(str(error)) if error.code >= 500 else error


def _raise_if_refused(check: Callable[[], object]) -> None:
    try:
        with suppress(Unreachable):
            check()
    except ServiceError as error:
        if error.code < 500:
            raise
