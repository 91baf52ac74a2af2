"""The WebSockets of both servers. They carry short text messages and read them no faster than the app handles them.

The libraries' own WebSockets are not safe with strangers. simple-websocket always negotiates compression (1.6 MB become
1.6 GB) and queues everything it receives. eventlet's assembles a fragmented message without a limit and unmasks byte by
byte.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from wsproto.frame_protocol import CloseReason, FrameProtocol, Opcode, ParseFailed
from wsproto.utilities import generate_accept_token

from app.live.packets import MAX_MESSAGE_BYTES, UPGRADE, Malformed

if TYPE_CHECKING:
    from app.live.sessions import Session

SESSION = "training.session"
"""The key of a request's session in its environ."""
RECEIVE_BYTES = 4096
SILENCE_S = 45.0
"""The time after which python-engineio gives up a client: its ping interval plus the time for the answer."""


class WebSocket:
    """A WebSocket with python-engineio's interface. It calls the handler, which waits, sends and closes.

    One thread reads and another writes. Any thread may close it.
    """

    def __init__(self, handler: Callable[[WebSocket], Any], engine: Any) -> None:
        self._handler = handler
        self._engine = engine
        self._lock = threading.Lock()
        """Held while a thread writes."""
        self._is_ended = False
        self._framing = FrameProtocol(client=False, extensions=[])

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> NoReturn:
        """Serve one client until it ends. StopIteration tells both servers that the connection is no longer theirs."""
        self._connection: socket.socket = environ["gunicorn.socket"]
        self._connection.settimeout(SILENCE_S)
        self._session: Session = environ[SESSION]
        self._messages = self._receive()
        self._session.websocket = self
        with suppress(OSError):
            try:
                self._connection.sendall(_handshake(environ["HTTP_SEC_WEBSOCKET_KEY"]))
                self._handler(self)
            finally:
                self._session.websocket = None
                self.close()
        raise StopIteration

    @property
    def is_writing(self) -> bool:
        """Whether a thread is still writing, because the client has not taken everything."""
        return self._lock.locked()

    def wait(self) -> str | None:
        """Wait for the next message and return it, or None when the connection has ended."""
        return next(self._messages, None)

    def send(self, message: str) -> None:
        """Send a message. Raises OSError."""
        self._write(self._framing.send_data(message, fin=True))

    def write_now(self, frames: memoryview) -> bool:
        """Write frames if that is possible without waiting, and return whether it was. A thread writes the rest."""
        if not self._lock.acquire(blocking=False):
            return False
        num_written = 0
        with suppress(OSError):  # The client cannot take any bytes, or is gone, which its own threads notice.
            num_written = self._write_without_waiting(frames)
        if 0 < num_written < len(frames):
            self._engine.start_background_task(self._finish, frames[num_written:])
        else:
            self._lock.release()
        return num_written > 0

    def close(self, code: int = CloseReason.NORMAL_CLOSURE) -> None:
        """Send a close frame if that is possible without waiting, and end the connection. It may have ended already."""
        if self._lock.acquire(blocking=False):
            with suppress(OSError):
                if not self._is_ended:
                    self._write_without_waiting(self._framing.close(code))
            self._lock.release()
        self.cut()

    def cut(self) -> None:
        """End the connection and wake all threads that wait for it. The server closes it when no thread uses it."""
        self._is_ended = True  # Otherwise the reader could still read what the system has received.
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _write(self, frame: bytes | bytearray) -> None:
        with self._lock:
            if self._is_ended:
                raise ConnectionError
            self._send_all(frame)

    def _write_without_waiting(self, frames: bytes | bytearray | memoryview) -> int:
        """Write what the system takes at once, and return the number of bytes. Raises OSError.

        The connection has a timeout, so its descriptor does not block. Eventlet's `os.write` would still wait. Nothing
        is written under TLS, because the bytes would bypass its encryption.
        """
        if isinstance(self._connection, ssl.SSLSocket):
            return 0
        return os.writev(self._connection.fileno(), [frames])

    def _finish(self, rest: memoryview) -> None:
        try:
            with suppress(OSError):
                self._send_all(rest)
        finally:
            self._lock.release()

    def _send_all(self, frames: bytes | bytearray | memoryview) -> None:
        try:
            self._connection.sendall(frames)
        except OSError:  # This includes a timeout. Nothing can follow half a frame.
            self.cut()
            raise

    def _receive(self) -> Iterator[str]:
        try:
            yield from self._read_packets()
        except OSError:
            pass
        except ParseFailed as error:
            self._refuse("sent invalid WebSocket frames", error.code)
        except Malformed as error:
            self._refuse(str(error), error.code)

    def _refuse(self, offence: str, code: int) -> None:
        self._session.offend(offence)
        self.close(code)

    def _read_packets(self) -> Iterator[str]:
        due = list(UPGRADE) if self._session.is_upgrading else []
        for message in self._read_messages():
            if not due:
                self._session.check(message)
            elif message != due.pop(0):
                raise Malformed("started an upgrade and then sent another packet")
            yield message

    def _read_messages(self) -> Iterator[str]:
        message, num_bytes = "", 0
        for frame in self._read_frames():
            if frame.opcode is Opcode.CLOSE:
                return
            if frame.opcode is Opcode.PING:
                self._write(self._framing.pong(frame.payload))
            elif frame.opcode is Opcode.BINARY:
                raise Malformed("sent a binary message", CloseReason.UNSUPPORTED_DATA)
            elif frame.opcode is Opcode.TEXT:
                message += frame.payload
                num_bytes += len(frame.payload.encode())
                if num_bytes > MAX_MESSAGE_BYTES:
                    raise Malformed(f"sent more than {MAX_MESSAGE_BYTES:,} bytes", CloseReason.MESSAGE_TOO_BIG)
                if frame.message_finished:
                    yield message
                    message, num_bytes = "", 0

    def _read_frames(self) -> Iterator[Any]:
        """Yield frames, long ones in parts, and pause after each one that arrives too fast.

        The opcode decides the type of a frame's payload. wsproto's annotations do not express that.
        """
        while not self._is_ended and (received := self._connection.recv(RECEIVE_BYTES)):
            self._engine.sleep(self._session.rate_limit.delay_s())  # Even a pause of 0 lets other threads run.
            self._framing.receive_bytes(received)
            for frame in self._framing.received_frames():
                if self._is_ended:
                    return
                yield frame
                if delay_s := self._session.rate_limit.delay_s():
                    self._engine.sleep(delay_s)


def use_in(engine: Any) -> None:
    """Make an Engine.IO server use these WebSockets. python-engineio 4 has no setting for that."""
    engine._async = {**engine._async, "websocket": WebSocket}


def _handshake(key: str) -> bytes:
    accept = generate_accept_token(key.encode()).decode()
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ).encode()
