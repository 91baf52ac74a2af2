"""What the publisher writes itself into the clients' sockets under eventlet."""

from __future__ import annotations

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage

from app.green_broadcast import frame


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_a_text_of_any_length_is_one_frame(length: int) -> None:
    text = "é" * (length // 2) + "x" * (length % 2)
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(frame(text) + frame("next"))
    heard = list(client.events())
    assert all(isinstance(event, TextMessage) and event.message_finished for event in heard)
    assert [event.data for event in heard] == [text, "next"]  # type: ignore[union-attr]
