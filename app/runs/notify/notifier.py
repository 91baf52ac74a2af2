"""Notice when runs end and when the queue is empty, and have the messages sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.runs.collect.runmetrics import RunMetrics
from app.runs.duty import Duty
from app.runs.exceptions import RunNotFound, RunsUnreadable
from app.runs.filelock import SupervisorLock
from app.runs.notify.best import best_metric
from app.runs.notify.dispatch import Dispatch
from app.runs.notify.message import KINDS, describe_empty_queue, describe_end
from app.runs.notify.notice import Notice
from app.runs.notify.watchlist import WATCH_LIST, WatchList
from app.runs.queue.queue import Queue
from app.runs.store.store import RunStore
from trainer.rundir import RunDir

EVERY_S = 1.0
QUEUE_NOTICE = "queue_notice.json"


class Notifier(Duty):
    """Send a message to every address when a run has ended, and when the queue has become empty."""

    def __init__(
        self,
        store: RunStore,
        queue: Queue,
        metrics: RunMetrics,
        lock: SupervisorLock,
        addresses: Mapping[str, str],
        public_url: str,
        offload: Callable[[Callable[[], Any]], Any],
    ) -> None:
        """`addresses` maps names to URLs."""
        super().__init__("The notifier", lock, EVERY_S)
        self._store = store
        self._queue = queue
        self._metrics = metrics
        self._addresses = addresses
        self._public_url = public_url
        self._offload = offload
        self._folder = store.runs_dir.parent
        self._dispatch = Dispatch(self._folder, addresses)
        self._first: WatchList | None = None
        """The watch list if there is no file."""

    def start(self) -> None:
        """Start the thread, before a client can start a run. Without addresses, forget pending announcements."""
        if self._addresses:
            with suppress(RunsUnreadable):
                self._first = WatchList.begin(self._store)
            super().start()
        else:
            for name in (WATCH_LIST, QUEUE_NOTICE):
                (self._folder / name).unlink(missing_ok=True)

    def num_pending(self) -> int:
        """Count the messages that have not reached their address. Any process may ask. Raises OSError."""
        watched = WatchList.read(self._folder / WATCH_LIST)
        runs = () if watched is None else watched.pending
        notices = map(Notice.read, [*(self._store.directory(run_id).notified for run_id in runs), self._queue_notice])
        return sum(notice.num_unsettled for notice in notices if notice is not None)

    def step(self) -> None:
        """Check once for runs that have ended, and send what is due. Raises OSError, RunsUnreadable."""
        path, living = self._folder / WATCH_LIST, self._store.living()
        waiting = self._queue.ids(living)
        known = WatchList.read(path)
        before = (known or self._first or WatchList.begin(self._store)).extended(self._store, living, waiting)
        if before != known:
            before.write(path)  # Before anything else, because a run may end at any moment.
        watched = self._announce_empty_queue(before, waiting, living)
        busy = {*waiting, *living}
        ended = [run_id for run_id in watched.pending if run_id not in busy]
        notices, problem = self._notices(ended)
        of_queue = Notice.read(self._queue_notice)
        open_notices = self._dispatch.send([each for each in (*notices.values(), of_queue) if each is not None])
        done = {run_id for run_id, notice in notices.items() if notice is None or notice.path not in open_notices}
        watched = replace(watched, pending=tuple(each for each in watched.pending if each not in done))
        if watched != before:
            watched.write(path)
        if problem is not None:
            raise problem

    @property
    def _queue_notice(self) -> Path:
        return self._folder / QUEUE_NOTICE

    def _notices(self, ended: Iterable[str]) -> tuple[dict[str, Notice | None], OSError | None]:
        """Return the notices that can be read and written, and the last error, which must not delay the others."""
        notices, problem = {}, None
        for run_id in ended:
            try:
                notices[run_id] = self._notice(self._store.directory(run_id))
            except OSError as error:
                problem = error
        return notices, problem

    def _notice(self, directory: RunDir) -> Notice | None:
        """Return the notice of a run that has ended, new or old. None: nothing to announce."""
        if (notice := Notice.read(directory.notified)) is not None:
            return notice
        try:
            run = self._store.find(directory.run_id)
        except RunNotFound:
            return None
        if run.state not in KINDS:
            return None
        best = self._offload(lambda: best_metric(run, self._metrics))
        return Notice.create(directory.notified, describe_end(run, best, self._public_url), self._addresses)

    def _announce_empty_queue(self, watched: WatchList, waiting: Iterable[str], active: Iterable[str]) -> WatchList:
        """Announce once that no run waits or runs any more, if a run had to wait for another one before."""
        if waiting and active and not watched.had_waiting:
            return replace(watched, had_waiting=True)
        if watched.had_waiting and not waiting and not active:
            Notice.create(self._queue_notice, describe_empty_queue(self._public_url), self._addresses)
            return replace(watched, had_waiting=False)
        return watched
