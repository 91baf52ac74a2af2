"""The table of epochs, printed line by line during a run."""

from __future__ import annotations

from app.cli.output import number

EPOCH = "  epoch"
MIN_WIDTH = 10
MAX_COLUMNS = 12
NOT_FINITE = "not finite"


class EpochTable:
    """Format the lines. An epoch is complete when the next one begins, because its metrics arrive one by one."""

    def __init__(self, width: int) -> None:
        """`width` is the length of a line in characters. Metrics that do not fit are left out."""
        self._width = width
        self._open: dict[float, dict[str, float | None]] = {}
        self._header: list[str] = []

    def clear(self) -> None:
        """Drop what has not been printed, because the program has restarted its metrics."""
        self._open = {}

    def add(self, epoch: float, metrics: dict[str, float | None]) -> list[str]:
        """Take an epoch's metrics so far, and return the lines of the epochs before it."""
        lines = self._lines([number for number in self._open if number < epoch])
        self._open[epoch] = metrics
        return lines

    def end(self) -> list[str]:
        """Return the lines of the remaining epochs."""
        return self._lines(list(self._open))

    def _lines(self, epochs: list[float]) -> list[str]:
        return [line for epoch in sorted(epochs) for line in self._line(epoch, self._open.pop(epoch))]

    def _line(self, epoch: float, metrics: dict[str, float | None]) -> list[str]:
        names = [name for name in metrics if name not in self._header]
        header = self._fitting([*self._header, *names])
        is_new, self._header = header != self._header, header
        cells = [f"{epoch:>{len(EPOCH)}g}", *(f"{_cell(metrics, name):>{_width(name)}}" for name in header)]
        titles = [EPOCH, *(f"{name:>{_width(name)}}" for name in header)]
        return [*(["  ".join(titles)] if is_new else []), "  ".join(cells)]

    def _fitting(self, names: list[str]) -> list[str]:
        fitting: list[str] = []
        left = self._width - len(EPOCH)
        for name in names[:MAX_COLUMNS]:
            left -= _width(name) + 2
            if left >= 0:
                fitting.append(name)
        return fitting


def _cell(metrics: dict[str, float | None], name: str) -> str:
    """Format a value. JSON has no NaN and no infinity, so the service sends null instead."""
    if name not in metrics:
        return ""
    value = metrics[name]
    return NOT_FINITE if value is None else number(value)


def _width(name: str) -> int:
    return max(len(name), MIN_WIDTH)
