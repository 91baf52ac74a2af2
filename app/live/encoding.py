"""How Socket.IO packets are encoded."""

from __future__ import annotations

import json
from typing import Any

import orjson
from engineio import json as engineio_json
from socketio.packet import Packet


class SocketJson:
    """JSON of the sockets. For what can be long orjson takes a tenth of the time; and it has null for NaN, as REST."""

    loads = staticmethod(engineio_json.loads)

    @staticmethod
    def dumps(content: Any, **options: Any) -> str:
        try:
            return orjson.dumps(content).decode()
        except TypeError:  # A file's name that is no UTF-8, say.
            return json.dumps(content, **options)


class TextPacket(Packet):  # type: ignore[misc]  # It has no types.
    """A Socket.IO packet that is text. To look for something binary in it, of which we send nothing, the library goes
    through every cell of every row, which takes longer than to read and encode them.
    """

    uses_binary_events = False
