"""Follow a run live, and print its metrics and their epochs as JSON when it ends: `python follow.py URL [RUN_ID]`.

Copy it into your own program. It needs only python-socketio. No data is lost or duplicated when the connection
breaks: each subscription says what the client has, and the service sends the rest.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from contextlib import suppress
from typing import Any

import socketio
from socketio.exceptions import BadNamespaceError

FINAL_STATES = ("completed", "stopped", "failed", "interrupted", "unknown")


class Follower:
    """What this client knows of a run: `run`, `rows` by column name, `epochs` by number, and `log`."""

    def __init__(self, url: str, run_id: str | None = None, token: str | None = None) -> None:
        self.run: dict[str, Any] | None = None
        self.error: str | None = None
        self.is_over = threading.Event()
        """Set when the run has ended and all its data has arrived, or after an error."""
        self._requested_run_id = run_id
        self._forget()
        self._lock = threading.RLock()  # The library handles each message in a separate thread.
        self._waiting: list[tuple[str, dict[str, Any]]] | None = None
        """Events that arrived while a subscription is in flight. Its answer may contain them already."""
        self._client = socketio.Client()
        self._client.on("connect", self._subscribe, namespace="/training")
        for name in ("run", "epoch", "metrics", "log"):
            self._client.on(name, lambda event, name=name: self._receive(name, event), namespace="/training")
        self._client.connect(url, auth={"token": token}, namespaces=["/training"], transports=["websocket"])

    def close(self) -> None:
        self._client.disconnect()

    def _forget(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.epochs: dict[float, dict[str, Any]] = {}
        self.log = ""
        self._attempt: str | None = None
        self._log_offset: int | None = None

    def _subscribe(self) -> None:
        with self._lock:
            self._waiting = []
            has = {"row": len(self.rows), "attempt": self._attempt, "log_offset": self._log_offset}
            with suppress(
                BadNamespaceError
            ):  # The connection was just lost. The client subscribes again when it reconnects.
                self._client.emit(
                    "subscribe", {"run_id": self._requested_run_id, **has}, "/training", self._take_answer
                )

    def _take_answer(self, answer: dict[str, Any]) -> None:
        with self._lock:
            if "code" in answer:
                self.error = answer["message"]
                self.is_over.set()
                return
            waiting, self._waiting = self._waiting or [], None
            if answer["run"] is None or self._turn_to(answer["run"]):
                return
            self._take_rows(answer)
            for epoch in answer["epochs"]:
                self.epochs[epoch["epoch"]] = epoch["metrics"]
            self._take_log(answer["log"])
            is_complete = len(self.rows) >= answer["num_rows"] and answer["log"]["next_offset"] >= answer["log"]["end"]
            # If data is missing but the answer is empty, the program is rewriting the file. An event will follow.
            if not is_complete and (answer["rows"] or answer["log"]["text"]):
                self._subscribe()
            for name, event in waiting:
                if not self._is_known(name, event):
                    self._receive(name, event)
            if is_complete and self._waiting is None and answer["run"]["state"] in FINAL_STATES:
                self.is_over.set()

    def _receive(self, name: str, event: dict[str, Any]) -> None:
        with self._lock:
            if self._waiting is not None:
                self._waiting.append((name, event))
            elif name == "run":
                is_other = self._requested_run_id in (None, event["run_id"]) and self._turn_to(event)
                if not is_other and event["state"] in FINAL_STATES:
                    self._subscribe()  # One last time. The answer shows whether anything is missing.
            elif self.run is None or event["run_id"] != self.run["run_id"]:
                return
            elif name == "epoch":
                self.epochs[event["epoch"]] = event["metrics"]
            elif name == "metrics" and event["from_row"] == len(self.rows):
                self._take_rows(event)
            elif name == "log" and event["offset"] == self._log_offset:
                self._take_log(event)
            else:
                self._subscribe()  # This event is not the next one.

    def _turn_to(self, run: dict[str, Any]) -> bool:
        """Take the run's state. If this is another run, forget the previous one, subscribe and return True."""
        is_other = self.run is not None and self.run["run_id"] != run["run_id"]
        self.run = run
        if is_other:
            self._forget()
            self._subscribe()
        return is_other

    def _is_known(self, name: str, event: dict[str, Any]) -> bool:
        """Whether the subscription's answer already contains this event, which arrived before the answer."""
        if name == "metrics":
            is_ours = event["attempt"] == self._attempt
            return is_ours and bool(event["from_row"] + len(event["rows"]) <= len(self.rows))
        if name == "epoch":
            return bool(event["num_rows"] <= len(self.rows))
        return name == "log" and bool(event["next_offset"] <= (self._log_offset or 0))

    def _take_rows(self, chunk: dict[str, Any]) -> None:
        del self.rows[chunk["from_row"] :]
        if chunk["from_row"] == 0:
            self.epochs = {}  # The program has restarted its file, or this is the first chunk.
        self.rows += [dict(zip(chunk["columns"], row, strict=True)) for row in chunk["rows"]]
        self._attempt = chunk["attempt"]

    def _take_log(self, chunk: dict[str, Any]) -> None:
        self.log = self.log + chunk["text"] if chunk["offset"] == self._log_offset else chunk["text"]
        self._log_offset = chunk["next_offset"]


def main() -> int:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    url, run_id = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    follower = Follower(url, run_id, os.environ.get("TRAINING_API_TOKEN"))
    follower.is_over.wait()
    follower.close()
    if follower.error is not None:
        sys.exit(follower.error)
    json.dump({name: getattr(follower, name) for name in ("run", "rows", "epochs", "log")}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
