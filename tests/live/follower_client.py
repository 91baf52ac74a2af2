"""A client that follows the contract of docs/architecture.md to the letter, to be compared with the run's files.

It keeps its position (row count, log offset), tells it on every subscribe, holds events back while a subscribe is in
flight, drops what it has already, and subscribes again at a gap. Rows are kept by column name, because a file that is
rewritten with a wider header changes the columns' places.
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

from tests.servers import WITHOUT_UTF8_CHECK, disconnect

NAMESPACE = "/training"
EVENTS = ("run", "epoch", "metrics", "progress", "log")


class FollowerClient:
    """Follow `run_id`, or whatever runs (None). What it has is in `rows`, `log`, `epochs`, `run` and `progress`."""

    def __init__(self, url: str, run_id: str | None = None, receive_buffer: int | None = None) -> None:
        """With a small `receive_buffer` (bytes) the server feels it soon that the client is `frozen`."""
        self.asked_run_id = run_id
        self.run_id: str | None = None
        """Whose rows and log these are."""
        self.violations: list[str] = []
        """What the server did against the contract."""
        self.heard: list[tuple[str, dict[str, Any]]] = []
        """Every event that was new, in the order in which it counted."""
        self.is_forgetful = False
        """Whether it does not say of which attempt its rows are."""
        self.num_connects = 0
        self.num_gaps = 0
        self.num_systems = 0
        self._lock = threading.RLock()
        self._forget()
        self._attempt = 0
        self._is_in_flight = False
        self._held: list[tuple[str, dict[str, Any]]] = []
        self._websocket: Any = None
        buffers = [(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)] if receive_buffer else []
        self._sio = socketio.Client(
            reconnection_delay=0.05,
            reconnection_delay_max=0.2,
            randomization_factor=0,
            websocket_extra_options={"sockopt": buffers, **WITHOUT_UTF8_CHECK},
        )
        self._sio.on("connect", self._on_connect, namespace=NAMESPACE)
        self._sio.on("system", self._on_system, namespace=NAMESPACE)
        for name in EVENTS:
            self._sio.on(name, partial(self._on_event, name), namespace=NAMESPACE)
        self._sio.connect(url, namespaces=[NAMESPACE], transports=["websocket"], wait_timeout=20)

    def close(self) -> None:
        disconnect(self._sio)
        self._close_websocket()

    def cut(self) -> None:
        """Lose the connection without a word, as a network does; the client then reconnects by itself."""
        with suppress(OSError, AttributeError):  # Being between two connections is as good.
            self._sio.eio.ws.sock.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Take nothing from the network for a while, as a page on a stalled machine does."""
        with self._lock:
            yield

    @property
    def state(self) -> str | None:
        return self.run["state"] if self.run else None

    @property
    def log(self) -> str:
        return "".join(self._log)

    @property
    def is_synchronised(self) -> bool:
        with self._lock:
            return self.num_connects > 0 and not self._is_in_flight

    def _forget(self) -> None:
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
        self._held = []
        asked = {"run_id": self.asked_run_id, "row": len(self.rows), "log_offset": self.log_offset}
        if self.rows and self.attempt is not None and not self.is_forgetful:
            asked["attempt"] = self.attempt
        answered = partial(self._on_ack, self._attempt, asked)
        with suppress(BadNamespaceError):  # The connection is lost or closed; the next one subscribes.
            self._sio.emit("subscribe", asked, namespace=NAMESPACE, callback=answered)

    def _on_ack(self, attempt: int, asked: dict[str, Any], told: dict[str, Any]) -> None:
        with self._lock:
            if attempt != self._attempt:
                return
            if "run" not in told:
                self.violations.append(f"subscribe was refused: {told}")
                return
            self._is_in_flight = False
            if told["run"] is not None and not self._take_ack(asked, told):
                return
            held, self._held = self._held, []
            for name, payload in held:
                if name != "log" or payload["next_offset"] > self.log_offset:  # Else the answer knew it.
                    self._take(name, payload)

    def _take_ack(self, asked: dict[str, Any], told: dict[str, Any]) -> bool:
        """Return False when it had to subscribe anew, because the position told was that of another run."""
        run_id = told["run"]["run_id"]
        if run_id != self.run_id:
            self._forget()
            self.run_id = run_id
            if asked["row"] or asked["log_offset"]:
                self._subscribe()
                return False
        self.run, self.progress = told["run"], told["progress"]
        if self.rows and told["attempt"] != self.attempt:
            if told["from_row"]:
                self.violations.append(f"rows of another attempt from row {told['from_row']} on")
            self.rows, self.epochs = [], {}
        self.attempt = told["attempt"]
        self.epochs |= {epoch["epoch"]: epoch["metrics"] for epoch in told["epochs"]}
        self._add_rows(told["columns"], told["from_row"], told["rows"])
        if told["log"]["offset"] != self.log_offset:  # The log was begun anew.
            self._log, self.log_offset = [], told["log"]["offset"]
        self._add_log(told["log"])
        self.heard.append(("ack", told))
        return True

    def _on_event(self, name: str, payload: dict[str, Any]) -> None:
        with self._lock:
            if self._is_in_flight:
                self._held.append((name, payload))
            else:
                self._take(name, payload)

    def _on_system(self, _: dict[str, Any]) -> None:
        self.num_systems += 1

    def _take(self, name: str, payload: dict[str, Any]) -> None:
        if self._is_in_flight:  # One of those held back brought a gap to light: the catch-up covers the rest.
            self._held.append((name, payload))
            return
        if payload["run_id"] != self.run_id:
            if self.asked_run_id is not None:
                self.violations.append(f"{name} of another run: {payload['run_id']}")
                return
            self._forget()
            self.run_id = payload["run_id"]
        self.heard.append((name, payload))
        if name == "run":
            self.run = payload
        elif name == "progress":
            self.progress = {key: value for key, value in payload.items() if key != "run_id"}
        elif name == "epoch":
            if payload["num_rows"] >= len(
                self.rows
            ):  # Else it was held back, and the subscription told what came after.
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
            self.violations.append(f"rows that do not fit their columns, from row {from_row}")
        named = [{n: v for n, v in zip(columns, row, strict=False) if v is not None} for row in rows]
        already = len(self.rows) - from_row
        if named[:already] != self.rows[from_row : from_row + len(named)]:
            self.violations.append(f"rows told again differ, from row {from_row}")
        self.rows += named[already:]

    def _add_log(self, chunk: dict[str, Any]) -> None:
        if chunk["offset"] != self.log_offset:  # Also one known in part: a long catch-up ends at any byte.
            self._gap()
        else:
            self._log.append(chunk["text"])
            self.log_offset = chunk["next_offset"]

    def _gap(self) -> None:
        if not self._is_in_flight:
            self.num_gaps += 1
            self._subscribe()
