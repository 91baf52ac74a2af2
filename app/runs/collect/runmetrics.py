"""Find the CSV that holds the metrics of a run."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from app.runs.collect.collector import SCRAPED, Collector
from app.runs.collect.csvrows import CsvRows
from app.runs.collect.discovery import Found, find_files
from app.runs.collect.logpatterns import LogPatterns
from app.runs.collect.source import Source
from app.runs.collect.sources import source_of
from app.runs.exceptions import MetricsUnreadable
from app.runs.metrics.inspection import inspect
from app.runs.metrics.summary import Summary, summarise
from app.runs.metrics.tables import read
from app.runs.store.run import Run
from trainer.experiment.logpattern import COUNTERS
from trainer.experiment.outputs import MetricsOutput
from trainer.runfile import RunFile

MAX_RUNS = 64
COLLECT_S = 0.05
"""The duration of one call of `collect`."""
PAUSE_S = 0.02
SEARCH_SHARE = 0.01
"""The fraction of time that following a run may spend on searching for files."""
MAX_SEARCH_PAUSE_S = 10.0
"""On a slow network file system each search takes long, and a new file must show all the same."""


class MetricsFile(NamedTuple):
    """The CSV with a run's metrics, and what the experiment declares about its columns."""

    file: RunFile | None
    """None: not written yet."""
    declared: MetricsOutput
    is_final: bool
    """The run is over and everything is collected, so the file no longer changes."""
    path: Path
    """Where the CSV is, or will be."""
    written: tuple[Path, ...]
    """The files that the program writes, without its log."""
    problem: str | None
    """What cannot be read, for people."""
    has_more: bool
    """Whether there is more to collect, now or soon."""

    @property
    def exists(self) -> bool:
        """Whether there are metrics, collected or not."""
        return self.file is not None or bool(self.written)

    @property
    def is_in_place(self) -> bool:
        """Whether the CSV is the program's own, so that there is nothing to collect."""
        return self.path in self.written

    @property
    def files(self) -> list[Path]:
        """The files whose changes may be new metrics. The last one need not exist."""
        return [*self.written, self.path]

    def summarise(self) -> Summary:
        """Summarise the metrics. The summary is empty without a file, and for one that cannot be read."""
        file = self.file
        if file is None:
            return Summary()
        try:
            return read(lambda: inspect(file, is_final=self.is_final, declared=self.declared), summarise)
        except MetricsUnreadable:
            return Summary()


class RunMetrics:
    """Find the metrics of runs. Thread-safe.

    A single CSV file is read in place. Everything else is first collected into scraped.csv: in the run's directory, or
    below `cache_dir` if the service did not create the directory, because it writes nothing there.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._cache_dir = cache_dir
        self._known = lru_cache(MAX_RUNS)(_Known)

    def find(self, run: Run) -> MetricsFile:
        """Find the metrics that are collected so far."""
        return self._of(run).find(run)

    def find_csv(self, run: Run) -> RunFile | None:
        """Find the CSV alone."""
        return self.find(run).file

    def collect(self, run: Run) -> MetricsFile:
        """Collect for some milliseconds, and find the metrics. Never raises.

        A follower calls this many times a second, so a slow search for files is not repeated soon.
        """
        return self._of(run).collect(run)

    def collect_all(self, run: Run, limit_s: float) -> MetricsFile:
        """Collect everything that a finished run has written, for at most `limit_s`.

        Followers collect an active run, so this only finds what they have.
        """
        if run.is_active:
            return self.find(run)
        known, deadline = self._of(run), time.monotonic() + limit_s
        while (found := known.collect(run)).has_more and time.monotonic() < deadline:
            time.sleep(PAUSE_S)  # Let other threads run. One of them may be collecting.
        if found.has_more:
            problems = filter(None, [found.problem, "The remaining rows are still being collected"])
            found = found._replace(problem="; ".join(problems))
        return found

    def forget(self, run_id: str) -> None:
        """Remove what was collected from a deleted folder that the service did not create."""
        shutil.rmtree(self._cache_dir / run_id, ignore_errors=True)

    def _of(self, run: Run) -> _Known:
        return self._known(run.directory.path if run.is_ours else self._cache_dir / run.run_id)


class _Known:
    """What is known of one run, so that asking again costs little."""

    def __init__(self, folder: Path) -> None:
        self._collector = Collector(folder)
        self._found = Found({}, [])
        self._search_at = 0.0

    def find(self, run: Run) -> MetricsFile:
        self.search(run)
        return self._describe(run, self._sources(run), has_more=False)

    def collect(self, run: Run) -> MetricsFile:
        if not run.is_active or time.monotonic() >= self._search_at:
            self.search(run)
        sources = self._sources(run)
        if not sources or self._is_in_place(run, sources):
            return self._describe(run, sources, has_more=False)
        if not run.is_ours:
            with suppress(OSError):  # The collector says what is wrong.
                self._collector.csv.parent.mkdir(parents=True, exist_ok=True)
        counters = [written for written, name in run.outputs.metrics.columns.items() if name in COUNTERS]
        return self._describe(run, sources, self._collector.collect(sources, run.is_over, COLLECT_S, counters))

    def search(self, run: Run) -> None:
        """Find the files, and set the time for the next search."""
        started_at = time.monotonic()
        self._found = find_files(run)
        now = time.monotonic()
        self._search_at = now + min((now - started_at) / SEARCH_SHARE, MAX_SEARCH_PAUSE_S)

    def _sources(self, run: Run) -> list[Source]:
        files = [source_of(name, file) for name, file in self._found.files.items()]
        patterns = run.outputs.log.patterns
        log = LogPatterns("log", run.directory.file(run.directory.log), patterns) if patterns else None
        return [source for source in (*files, log) if source is not None]

    def _is_in_place(self, run: Run, sources: list[Source]) -> bool:
        """Whether the metrics are a single CSV that is read in place.

        Once a run of ours has a scraped.csv, it is used. That of another folder may be from an earlier folder.
        """
        is_one_csv = len(sources) == 1 and isinstance(sources[0], CsvRows)
        return is_one_csv and not (run.is_ours and self._scraped(run).exists())

    def _describe(self, run: Run, sources: list[Source], has_more: bool) -> MetricsFile:
        if self._is_in_place(run, sources):
            file, problems = sources[0].file, list[str]()
        else:
            file = self._scraped(run)
            problems = [f"{name}: {problem}" for name, problem in self._collector.problems.items()]
        return MetricsFile(
            file if file.exists() and (sources or run.is_ours) else None,
            run.outputs.metrics,
            run.is_over and not has_more,
            file.path,
            tuple(found.path for found in self._found.files.values()),
            "; ".join([*problems, *self._found.problems]) or None,
            has_more,
        )

    def _scraped(self, run: Run) -> RunFile:
        return run.directory.file(SCRAPED) if run.is_ours else RunFile.alone(self._collector.csv)
