"""A client that follows docs/live.md to the letter. Tests compare what it has received with the run's files.

The client sends its position (row count, log offset) with every subscribe. It queues events while a subscribe is in
flight, ignores data that it already has, and subscribes again at a gap. It stores rows by column name, because the
order of columns changes when a program rewrites the file with a wider header.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import socketio
from socketio.exceptions import BadNamespaceError

from tests.servers import JOIN_TIMEOUT_S, WITHOUT_UTF8_CHECK, disconnect, handle_in_order
from trainer.runner.verdict import VERDICTS

NAMESPACE = "/training"
EVENTS = ("run", "epoch", "metrics", "progress", "log")


class FollowerClient:
    """Follow one run, or with None every active run. Its data is in `rows`, `log`, `epochs`, `run` and `progress`."""

    def __init__(self, url: str, run_id: str | None = None, receive_buffer: int | None = None) -> None:
        """Connect. With a small `receive_buffer` (bytes), the server notices a `frozen` client sooner."""
        self.requested_run_id = run_id
        self.run_id: str | None = None
        """The run that the rows and the log belong to."""
        self.violations: list[str] = []
        """How the server broke the protocol."""
        self.events: list[tuple[str, dict[str, Any]]] = []
        """Every event that was new, in the order in which the client applied it."""
        self.omits_attempt = False
        """Whether the client leaves out the attempt of its rows when it subscribes."""
        self.num_connects = 0
        self.num_gaps = 0
        self.num_systems = 0
        self._lock = threading.RLock()
        self._reset()
        self._attempt = 0
        self._is_in_flight = False
        self._pending: list[tuple[str, dict[str, Any]]] = []
        self._websocket: Any = None
        buffers = [(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)] if receive_buffer else []
        self._sio = socketio.Client(
            reconnection_delay=0.05,
            reconnection_delay_max=0.2,
            randomization_factor=0,
            websocket_extra_options={"sockopt": buffers, **WITHOUT_UTF8_CHECK},
        )
        handle_in_order(self._sio.eio)
        self._sio.on("connect", self._on_connect, namespace=NAMESPACE)
        self._sio.on("system", self._on_system, namespace=NAMESPACE)
        for name in EVENTS:
            self._sio.on(name, partial(self._on_event, name), namespace=NAMESPACE)
        self._sio.connect(url, namespaces=[NAMESPACE], transports=["websocket"], wait_timeout=JOIN_TIMEOUT_S)

    def close(self) -> None:
        disconnect(self._sio)
        self._close_websocket()

    def cut(self) -> None:
        """Drop the connection without a goodbye, as a network failure does. The client then reconnects by itself."""
        with suppress(OSError, AttributeError):  # The client is between two connections already.
            self._sio.eio.ws.sock.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Read nothing from the network meanwhile, like a page on a stalled machine."""
        with self._lock:
            yield

    @property
    def state(self) -> str | None:
        return self.run["state"] if self.run else None

    @property
    def has_ended_last(self) -> bool:
        """Whether nothing new came after the final state, which is an event or, after a gap, an acknowledgement."""
        name, payload = self.events[-1]
        run = payload if name == "run" else payload.get("run")
        return run is not None and run["state"] in VERDICTS

    @property
    def log(self) -> str:
        return "".join(self._log)

    @property
    def is_synchronised(self) -> bool:
        with self._lock:
            return self.num_connects > 0 and not self._is_in_flight

    def _reset(self) -> None:
        self.run: dict[str, Any] | None = None
        self.progress: dict[str, Any] | None = None
        self.rows: list[dict[str, float]] = []
        self.attempt: str | None = None
        self._log: list[str] = []
        self.log_offset = 0
        self.epochs: dict[int, dict[str, Any]] = {}

    def _on_connect(self) -> None:
        with self._lock:
            self.num_connects += 1
            self._close_websocket()
            self._websocket = self._sio.eio.ws
            self._subscribe()

    def _close_websocket(self) -> None:
        # python-engineio leaves the socket of a lost connection open.
        if self._websocket is not None:
            self._websocket.shutdown()

    def _subscribe(self) -> None:
        self._attempt += 1
        self._is_in_flight = True
        self._pending = []
        request = {"run_id": self.requested_run_id, "row": len(self.rows), "log_offset": self.log_offset}
        if self.rows and self.attempt is not None and not self.omits_attempt:
            request["attempt"] = self.attempt
        on_ack = partial(self._on_ack, self._attempt, request)
        with suppress(BadNamespaceError):  # This connection is lost or closed; the next one subscribes.
            self._sio.emit("subscribe", request, namespace=NAMESPACE, callback=on_ack)

    def _on_ack(self, attempt: int, request: dict[str, Any], ack: dict[str, Any]) -> None:
        with self._lock:
            if attempt != self._attempt:
                return
            if "run" not in ack:
                self.violations.append(f"subscribe was refused: {ack}")
                return
            self._is_in_flight = False
            if ack["run"] is not None and not self._apply_ack(request, ack):
                return
            pending, self._pending = self._pending, []
            for name, payload in pending:
                if not self._is_known(name, payload):
                    self._apply(name, payload)

    def _is_known(self, name: str, payload: dict[str, Any]) -> bool:
        """Whether the acknowledgement included an event that came during the subscription."""
        if payload["run_id"] != self.run_id:
            return False
        if name == "metrics":
            return payload["attempt"] == self.attempt and payload["from_row"] + len(payload["rows"]) <= len(self.rows)
        if name == "epoch":
            return payload["num_rows"] <= len(self.rows)
        if name == "log":
            return payload["next_offset"] <= self.log_offset
        return self.state in VERDICTS and (name == "progress" or payload["state"] not in VERDICTS)

    def _apply_ack(self, request: dict[str, Any], ack: dict[str, Any]) -> bool:
        """Apply the acknowledgement. Return False if the position belonged to another run: then subscribe again."""
        run_id = ack["run"]["run_id"]
        if run_id != self.run_id:
            self._reset()
            self.run_id = run_id
            if request["row"] or request["log_offset"]:
                self._subscribe()
                return False
        self.run, self.progress = ack["run"], ack["progress"]
        if self.rows and ack["attempt"] != self.attempt:
            if ack["from_row"]:
                self.violations.append(f"rows of another attempt continue at row {ack['from_row']}")
            self.rows, self.epochs = [], {}
        self.attempt = ack["attempt"]
        self.epochs |= {epoch["epoch"]: epoch["metrics"] for epoch in ack["epochs"]}
        self._add_rows(ack["columns"], ack["from_row"], ack["rows"])
        if ack["log"]["offset"] != self.log_offset:  # The program started a new log.
            self._log, self.log_offset = [], ack["log"]["offset"]
        self._add_log(ack["log"])
        self.events.append(("ack", ack))
        return True

    def _on_event(self, name: str, payload: dict[str, Any]) -> None:
        with self._lock:
            if self._is_in_flight:
                self._pending.append((name, payload))
            else:
                self._apply(name, payload)

    def _on_system(self, _: dict[str, Any]) -> None:
        self.num_systems += 1

    def _apply(self, name: str, payload: dict[str, Any]) -> None:
        if self._is_in_flight:  # A pending event showed a gap: the new subscription covers the rest.
            self._pending.append((name, payload))
            return
        if payload["run_id"] != self.run_id:
            if self.requested_run_id is not None:
                self.violations.append(f"{name} of another run: {payload['run_id']}")
                return
            self._reset()
            self.run_id = payload["run_id"]
        self.events.append((name, payload))
        if name == "run":
            self.run = payload
        elif name == "progress":
            self.progress = {key: value for key, value in payload.items() if key != "run_id"}
        elif name == "epoch":
            self.epochs[payload["epoch"]] = payload["metrics"]
        elif name == "metrics":
            if self.rows and payload["attempt"] != self.attempt:
                self._gap()
                return
            self.attempt = payload["attempt"]
            self._add_rows(payload["columns"], payload["from_row"], payload["rows"])
        elif name == "log":
            self._add_log(payload)

    def _add_rows(self, columns: list[str], from_row: int, rows: list[list[float | None]]) -> None:
        if from_row > len(self.rows):
            self._gap()
            return
        if any(len(row) != len(columns) for row in rows):
            self.violations.append(f"rows and columns differ in length from row {from_row} on")
        named = [{n: v for n, v in zip(columns, row, strict=False) if v is not None} for row in rows]
        num_known = len(self.rows) - from_row
        if named[:num_known] != self.rows[from_row : from_row + len(named)]:
            self.violations.append(f"repeated rows differ from row {from_row} on")
        self.rows += named[num_known:]

    def _add_log(self, chunk: dict[str, Any]) -> None:
        if chunk["offset"] != self.log_offset:  # Even if it overlaps: a long catch-up may end at any byte.
            self._gap()
        else:
            self._log.append(chunk["text"])
            self.log_offset = chunk["next_offset"]

    def _gap(self) -> None:
        if not self._is_in_flight:
            self.num_gaps += 1
            self._subscribe()
