"""Show a run until it ends: a bar, a line for each epoch, and the outcome."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from app.cli.epochs import EpochTable
from app.cli.events import ConnectionLost, EpochChanged, Event, ProgressChanged, RowsLogged, RunChanged
from app.cli.output import Output, duration, printable
from app.cli.progress import ending, progress_text, share_of

NAMES = {"RunChanged": "run", "ProgressChanged": "progress", "RowsLogged": "metrics", "EpochChanged": "epoch",
         "LogWritten": "log", "ConnectionLost": "connection_lost"}  # fmt: skip
"""The names of events in JSON, as in the live updates."""


def show(events: Iterator[Event], output: Output) -> RunChanged:
    """Print events until the run's end and return its final state."""
    view = _Json(output) if output.is_json else _Text(output)
    with view.shown():
        for event in events:
            view.take(event)
            if isinstance(event, RunChanged):
                run = event
    return run


class _Json:
    """One line of JSON for each event."""

    def __init__(self, output: Output) -> None:
        self._output = output

    @contextmanager
    def shown(self) -> Iterator[None]:
        yield

    def take(self, event: Event) -> None:
        self._output.json({"event": NAMES[type(event).__name__], **asdict(event)})


class _Text:
    """Lines for people, with a bar below them on a terminal."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._epochs = EpochTable(output.console.width)
        self._state = ""
        self._progress: dict[str, Any] | None = None
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[share]}"),
            TextColumn("{task.fields[left]}"),
            console=output.console,
            disable=not output.is_terminal,
            transient=True,
        )
        self._task: TaskID = self._bar.add_task("", total=None, share="", left="")

    @contextmanager
    def shown(self) -> Iterator[None]:
        with self._bar:
            yield

    def take(self, event: Event) -> None:
        if isinstance(event, RunChanged):
            self._take_run(event)
        elif isinstance(event, ProgressChanged):
            self._progress = event.progress
        elif isinstance(event, RowsLogged) and event.from_row == 0:
            self._epochs.clear()
        elif isinstance(event, EpochChanged):
            self._print(self._epochs.add(event.epoch, event.metrics))
        self._draw(event.problem if isinstance(event, ConnectionLost) else None)

    def _take_run(self, run: RunChanged) -> None:
        if run.is_final:
            self._print(self._epochs.end())
            self._print([ending(run.run_id, run.state, run.reason)])
        elif run.state != self._state and not self._output.is_terminal:
            self._print([f"Run {run.run_id}: {run.state}"])
        self._state = run.state

    def _draw(self, problem: str | None) -> None:
        share, scope = share_of(self._progress)
        eta_s = (self._progress or {}).get("eta_s")
        text = f"Not connected: {problem}" if problem else progress_text(self._state, self._progress)
        self._bar.update(
            self._task,
            description=escape(printable(text)),
            total=None if share is None else 1.0,
            completed=share or 0.0,
            share="" if share is None else f"{share:.0%}{scope}",
            left=f"{duration(eta_s)} left" if eta_s else "",
        )

    def _print(self, lines: list[str]) -> None:
        for line in lines:
            self._output.console.print(printable(line), soft_wrap=True)
