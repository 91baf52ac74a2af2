"""Follow one run: say what this client has, take what the service sends, and subscribe again at every gap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.cli.events import (
    FINAL_STATES,
    EpochChanged,
    Event,
    LogWritten,
    ProgressChanged,
    Row,
    RowsLogged,
    RunChanged,
)

Payload = dict[str, Any]


class Following:
    """What this client has of one run. It does no networking: messages go in, and events come out.

    The service answers a subscription with everything that is missing, up to where its events continue. Events that
    arrive before the answer wait for it, because it may contain them.
    """

    def __init__(self, run_id: str | None, log_offset: int | None) -> None:
        """`run_id` None: the first run that the service names. `log_offset` None: from the last 64 KiB of the log."""
        self.run_id = run_id
        self.is_over = False
        """Whether the run has ended and all of it was yielded."""
        self.must_subscribe = True
        """Whether the client should send `subscription` now."""
        self._num_rows = 0
        self._attempt: str | None = None
        self._log_offset = log_offset
        self._run: Payload | None = None
        self._progress: Payload | None = None
        self._epochs: list[Payload] = []
        """Epochs whose rows have not arrived yet."""
        self._waiting: list[tuple[str, Payload]] | None = None

    def subscription(self) -> Payload:
        """Return the payload of `subscribe`. From now on events wait for the answer."""
        self.must_subscribe = False
        self._waiting = []
        row, attempt, log_offset = self._num_rows, self._attempt, self._log_offset
        return {"run_id": self.run_id, "row": row, "attempt": attempt, "log_offset": log_offset}

    def answered(self, answer: Payload) -> Iterator[Event]:
        """Take the answer to the last subscription."""
        waiting, self._waiting = self._waiting or [], None
        if answer["run"] is not None:
            yield from self._take_answer(answer)
        for name, payload in waiting:
            if name == "run" and payload != answer["run"]:
                self.must_subscribe = True  # Either of the two may be newer.
            yield from self.received(name, payload)

    def received(self, name: str, payload: Payload) -> Iterator[Event]:
        """Take an event from the service."""
        if name not in ("run", "progress", "epoch", "metrics", "log"):
            return
        if self.is_over or self.must_subscribe:
            return  # The next answer contains this event.
        if self._waiting is not None:
            self._waiting.append((name, payload))
        elif self.run_id in (None, payload["run_id"]):
            yield from self._take(name, payload)

    def _take(self, name: str, payload: Payload) -> Iterator[Event]:
        if self.run_id is None or (name == "run" and payload["state"] in FINAL_STATES):
            # The first run, or the end of ours: the answer shows whether anything is missing.
            self.run_id = payload["run_id"]
            self.must_subscribe = True
        elif name == "run":
            yield from self._take_run(payload)
        elif name == "progress":
            yield from self._take_progress({key: value for key, value in payload.items() if key != "run_id"})
        elif name == "epoch":
            self._epochs += [payload] if payload["num_rows"] > self._num_rows else []
        elif name == "metrics":
            yield from self._take_metrics(payload)
        else:
            yield from self._take_log(payload)

    def _take_answer(self, answer: Payload) -> Iterator[Event]:
        run, log = answer["run"], answer["log"]
        self.run_id = run["run_id"]
        is_final = run["state"] in FINAL_STATES
        if not is_final:
            yield from self._take_run(run)
        yield from self._take_progress(answer["progress"])
        if answer["rows"] or answer["from_row"] != self._num_rows:
            yield self._take_rows(answer)
        self._attempt = answer["attempt"]
        self._epochs = []
        yield from (EpochChanged(epoch["epoch"], epoch["metrics"]) for epoch in answer["epochs"])
        if log["text"] or log["offset"] != self._log_offset:
            yield self._append(log)
        if self._num_rows >= answer["num_rows"] and log["next_offset"] >= log["end"]:
            self.is_over = is_final
        elif answer["rows"] or log["text"]:
            self.must_subscribe = True
        # An incomplete answer without content: the program rewrites the file. An event will show the gap.
        if self.is_over:
            yield RunChanged(run)

    def _take_run(self, run: Payload) -> Iterator[Event]:
        if run != self._run:
            self._run = run
            yield RunChanged(run)

    def _take_progress(self, progress: Payload | None) -> Iterator[Event]:
        if progress is not None and progress != self._progress:
            self._progress = progress
            yield ProgressChanged(progress)

    def _take_metrics(self, chunk: Payload) -> Iterator[Event]:
        end = chunk["from_row"] + len(chunk["rows"])
        is_ours = chunk["attempt"] == self._attempt or not self._num_rows
        if is_ours and chunk["rows"] and end <= self._num_rows:
            return  # The answer contained these rows.
        if not is_ours or chunk["from_row"] != self._num_rows:
            self.must_subscribe = True
            return
        self._attempt = chunk["attempt"]
        if chunk["rows"]:
            yield self._take_rows(chunk)
        due = [epoch for epoch in self._epochs if epoch["num_rows"] <= self._num_rows]
        self._epochs = [epoch for epoch in self._epochs if epoch not in due]
        yield from (EpochChanged(epoch["epoch"], epoch["metrics"]) for epoch in due)

    def _take_log(self, chunk: Payload) -> Iterator[Event]:
        if chunk["offset"] != self._log_offset:
            is_known = chunk["text"] and chunk["next_offset"] <= (self._log_offset or 0)
            self.must_subscribe = not is_known
        elif chunk["text"]:
            yield self._append(chunk)

    def _append(self, chunk: Payload) -> LogWritten:
        self._log_offset = chunk["next_offset"]
        return LogWritten(chunk["offset"], chunk["next_offset"], chunk["text"])

    def _take_rows(self, chunk: Payload) -> RowsLogged:
        self._num_rows = chunk["from_row"] + len(chunk["rows"])
        return RowsLogged(chunk["from_row"], _named(chunk), chunk["columns"], chunk["directions"])


def _named(chunk: Payload) -> list[Row]:
    """Return each row as its values by name."""
    rows = [{n: v for n, v in zip(chunk["columns"], row) if v is not None} for row in chunk["rows"]]
    for name, lists in chunk["non_finite"].items():
        for value, indices in lists.items():
            for index in indices:
                rows[index][name] = float(value)
    return rows
