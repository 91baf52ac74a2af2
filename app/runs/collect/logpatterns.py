"""Rows from a log: the named groups of a pattern give the values of each line that it matches."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import lru_cache

from app.runs.collect.logrows import END_OF_LINE, SLICE_BYTES, LogRows, num_up_at_end
from app.runs.collect.source import Position, Reading
from trainer.experiment.logpattern import LogPattern
from trainer.runfile import RunFile

QUIET_S = 0.2
"""A newline at the end of the log ends the line if nothing follows for this long. tqdm moves the cursor down with a
newline, draws the nested bar, and moves the cursor up again."""
MAX_NAMED_PATTERNS = 3


@dataclass(frozen=True)
class LogPatterns:
    """The log of a run, and the patterns that its experiment declares.

    A line gives one row, with the values of all patterns that match it. A row without an epoch or step gets the
    last one that the log named. A line that names only these gives no row.

    When the program redraws a line, such as a bar, the last value of each metric counts. If the line names epochs, the
    last value in each epoch counts. When the program redraws several lines, a row that repeats one of the last eight
    does not count.
    """

    name: str
    file: RunFile
    patterns: tuple[str, ...]
    quiet_s: float = QUIET_S

    def read_new(self, position: Position, is_final: bool) -> Reading:
        """Continue reading. A position holds the byte offset of a line, or of one drawing of it, and the known state.

        A log that became shorter, for example by logrotate, is read from its start. Its earlier rows are kept.
        """
        with self.file.open() as opened:
            status = os.fstat(opened.fileno())
            size, offset = status.st_size, position.get("offset", 0)
            offset = offset if offset <= size else 0
            data = os.pread(opened.fileno(), SLICE_BYTES, offset)
        rows = LogRows(_compiled(self.patterns), position)
        is_last = offset + len(data) >= size
        num_read = rows.read(data, is_final and is_last)
        rest = data[num_read:]
        is_whole = is_last and (not rest or (not is_final and END_OF_LINE.search(rest) is None))
        if is_whole and rows.is_line_ended(num_up_at_end(rest)):
            if is_final or not 0 <= time.time() - status.st_mtime < self.quiet_s:
                rows.end_line()
            else:
                is_whole = False
        problem = self._problem(rows) if is_final and is_whole else None
        return Reading(rows.complete, {"offset": offset + num_read, **rows.state()}, is_whole, problem)

    def _problem(self, rows: LogRows) -> str | None:
        unmatched = [text for index, text in enumerate(self.patterns) if index not in rows.matched]
        if not unmatched:
            return None
        more = f" and {len(unmatched) - MAX_NAMED_PATTERNS} more" if len(unmatched) > MAX_NAMED_PATTERNS else ""
        return f"no line matches {', '.join(map(repr, unmatched[:MAX_NAMED_PATTERNS]))}{more}"


@lru_cache(64)
def _compiled(patterns: tuple[str, ...]) -> tuple[LogPattern, ...]:
    return tuple(map(LogPattern, patterns))
