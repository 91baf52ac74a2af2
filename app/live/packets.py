"""What clients may send: text packets of Engine.IO 4 and Socket.IO 5 for one namespace.

The libraries accept much more: binary events whose attachments they hold until the last is there, payloads of JSONP,
events that are named like their own. We check each packet before they see it.
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
"""A subscription has some 100, a token some more."""
MAX_PACKETS: int = Payload.max_decode_packets
"""In the body of one POST."""
PONG = "3"
UPGRADE = ("2probe", "5")
"""What a client sends, in this order, over the WebSocket that is to take the place of its polling."""

_CLOSE = "1"
_SEPARATOR = "\x1e"
_CONNECT = re.compile(r"40(?:(?P<namespace>/[^,]{0,100})(?:,|$))?(?P<content>\{.*)?", re.DOTALL)
_DISCONNECT = re.compile(rf"41{NAMESPACE},?")
_EVENT = re.compile(rf"42{NAMESPACE},[0-9]{{0,15}}(?P<content>\[.*)", re.DOTALL)
_RESERVED = ("connect", "disconnect")
"""Events of the library's own. By their name it would call the same handlers."""


class Malformed(ValueError):
    """A client sent what no client of ours sends. The message completes "The client ..."."""

    def __init__(self, message: str, code: int = CloseReason.POLICY_VIOLATION) -> None:
        super().__init__(message)
        self.code = code
        """Of the WebSocket's close frame."""


def check(packet: str) -> None:
    """Raise Malformed unless a connected client may send this packet."""
    if packet in (PONG, _CLOSE) or _DISCONNECT.fullmatch(packet):
        return
    if (connect := _CONNECT.fullmatch(packet)) is not None:
        _load(connect["content"] or "{}")
    elif (event := _EVENT.fullmatch(packet)) is not None:
        name = next(iter(_load(event["content"])), None)
        if not isinstance(name, str) or name in _RESERVED:
            raise Malformed("sent an event without a name of its own")
    else:
        raise Malformed(f"sent something else than a text packet of Socket.IO 5 for {NAMESPACE}")


def split(body: bytes) -> list[str]:
    """Take the body of a POST apart. Raises Malformed."""
    try:
        packets = body.decode().split(_SEPARATOR)
    except UnicodeDecodeError as error:
        raise Malformed("sent text that is not UTF-8") from error
    if len(packets) > MAX_PACKETS:
        raise Malformed(f"sent more than {MAX_PACKETS} packets at once")
    return packets


def other_namespace(message: str) -> str | None:
    """The namespace that a message of Socket.IO connects to, where it is not ours."""
    connect = _CONNECT.fullmatch(f"4{message}")
    namespace = connect["namespace"] or "/" if connect is not None else NAMESPACE
    return None if namespace == NAMESPACE else namespace


def refusal(namespace: str) -> str:
    """The message of Socket.IO that refuses a connection to another namespace than ours."""
    content = json.dumps({"message": f"There is only the namespace {NAMESPACE}: connect to that."})
    return f"4{content}" if namespace == "/" else f"4{namespace},{content}"


def _load(text: str) -> dict[str, Any] | list[Any]:
    """Parse the object or array that a text begins with. Raises Malformed."""
    try:
        content: dict[str, Any] | list[Any] = loads(text)
        return content
    except (ValueError, RecursionError) as error:
        raise Malformed("sent a packet whose content is not JSON") from error
