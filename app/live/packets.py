"""The packets that clients may send: text packets of Engine.IO 4 and Socket.IO 5 for one namespace.

The libraries accept much more: binary events, whose attachments they keep until the last one arrives, JSONP payloads,
and events with reserved names. The service checks each packet before the libraries see it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from engineio.json import loads
from engineio.payload import Payload
from wsproto.frame_protocol import CloseReason

NAMESPACE = "/training"
MAX_MESSAGE_BYTES = 20_000
"""A subscription takes about 100 bytes, a token somewhat more."""
MAX_PACKETS: int = Payload.max_decode_packets
"""The most packets in the body of one POST."""
PONG = "3"
UPGRADE = ("2probe", "5")
"""The packets that a client sends first, in this order, over the WebSocket that replaces its polling."""

_CLOSE = "1"
_SEPARATOR = "\x1e"
_CONNECT = re.compile(r"40(?:(?P<namespace>/[^,]{0,100})(?:,|$))?(?P<content>[{\"].*)?", re.DOTALL)
"""A client that sends its token as a text, not in an object, gets the refusal of the namespace."""
_DISCONNECT = re.compile(rf"41{NAMESPACE},?")
_EVENT = re.compile(rf"42{NAMESPACE},[0-9]{{0,15}}(?P<content>\[.*)", re.DOTALL)
_RESERVED = ("connect", "disconnect")
"""The library's own events. It would call their handlers for a client's event of the same name."""


class Malformed(ValueError):
    """A client sent something that is not allowed. The message completes the sentence "The client ..."."""

    def __init__(self, message: str, code: int = CloseReason.POLICY_VIOLATION) -> None:
        super().__init__(message)
        self.code = code
        """The code of the WebSocket's close frame."""


def check(packet: str) -> None:
    """Raise Malformed unless a connected client may send this packet."""
    if packet in (PONG, _CLOSE) or _DISCONNECT.fullmatch(packet):
        return
    if (connect := _CONNECT.fullmatch(packet)) is not None:
        _load(connect["content"] or "{}")
    elif (event := _EVENT.fullmatch(packet)) is not None:
        name = next(iter(_load(event["content"])), None)
        if not isinstance(name, str) or name in _RESERVED:
            raise Malformed("sent an event whose name is missing or reserved")
    else:
        raise Malformed(f"sent something other than a Socket.IO 5 text packet for {NAMESPACE}")


def split(body: bytes) -> list[str]:
    """Split the body of a POST into packets. Raises Malformed."""
    try:
        packets = body.decode().split(_SEPARATOR)
    except UnicodeDecodeError as error:
        raise Malformed("sent text that is not UTF-8") from error
    if len(packets) > MAX_PACKETS:
        raise Malformed(f"sent more than {MAX_PACKETS} packets at once")
    return packets


def other_namespace(message: str) -> str | None:
    """Return the namespace that a Socket.IO message connects to. None if it is ours or the message does not connect."""
    connect = _CONNECT.fullmatch(f"4{message}")
    namespace = connect["namespace"] or "/" if connect is not None else NAMESPACE
    return None if namespace == NAMESPACE else namespace


def refusal(namespace: str) -> str:
    """Return the Socket.IO message that refuses a connection to a namespace other than ours."""
    content = json.dumps({"message": f"The only namespace is {NAMESPACE}. Connect to it."})
    return f"4{content}" if namespace == "/" else f"4{namespace},{content}"


def _load(text: str) -> dict[str, Any] | list[Any] | str:
    """Parse JSON. Raises Malformed."""
    try:
        content: dict[str, Any] | list[Any] | str = loads(text)
        return content
    except (ValueError, RecursionError) as error:
        raise Malformed("sent a packet whose content is not JSON") from error
