"""Record what the active runs use in their usage.csv."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from app.runs.complaints import Complaints
from app.runs.store.run import Run
from app.runs.usage.rows import OF_GPU, OF_RUN, TIME, Row, gpu_column, merged
from app.runs.usage.usagefile import UsageFile
from trainer.rundir import RunDir, is_there

logger = logging.getLogger(__name__)


class _Recorded:
    """A run and the samples of its next row."""

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self._file = UsageFile(run)
        self._samples: list[Row] = []

    def add(self, sample: Row) -> None:
        """Add the sample of one second. Raises OSError."""
        self._samples.append(sample)
        if len(self._samples) >= self._file.every_s:
            self.flush()

    def flush(self) -> None:
        """Write the samples as a row. An OSError loses them."""
        samples, self._samples = self._samples, []
        if samples and is_there(self.run.path):
            self._file.append(merged(samples))


class UsageRecorder:
    """Writes every usage.csv, for the holder of `supervisor.lock`. It logs an OSError once instead of raising it."""

    def __init__(self) -> None:
        self._recorded: dict[str, _Recorded] = {}
        self._complaints = Complaints(logger, "Usage recording")

    def record(self, active: Sequence[Run], measures: Mapping[str, Any]) -> None:
        """Add the measurements of one second. Write the rows that are complete or whose run has ended."""
        measured = {sample["run_id"]: sample for sample in measures["runs"]}
        for run in active:
            if (sample := measured.get(run.run_id)) is not None:
                self._add(run.directory, _row(measures, sample))
        for run_id in self._recorded.keys() - {run.run_id for run in active}:
            self._flush(self._recorded.pop(run_id))

    def close(self) -> None:
        """Write all incomplete rows."""
        while self._recorded:
            self._flush(self._recorded.popitem()[1])

    def forget(self) -> None:
        """Drop all samples, because another process now writes the files."""
        self._recorded.clear()

    def _add(self, run: RunDir, row: Row) -> None:
        if run.run_id not in self._recorded:
            self._recorded[run.run_id] = _Recorded(run)
        try:
            self._recorded[run.run_id].add(row)
        except FileNotFoundError:  # The directory of the active run was removed.
            pass
        except OSError as error:
            self._complaints.failed(error)

    def _flush(self, recorded: _Recorded) -> None:
        try:
            recorded.flush()
        except FileNotFoundError:  # The run was deleted.
            pass
        except OSError as error:
            self._complaints.failed(error)


def _row(measures: Mapping[str, Any], sample: Mapping[str, Any]) -> Row:
    """Make a row from a run's processes and GPUs."""
    gpus = [gpu for gpu in measures["gpus"] if gpu["index"] in sample["gpus"]]
    values = {TIME: measures["time"]} | {name: sample[name] for name in OF_RUN}
    values |= {gpu_column(gpu["index"], name): gpu[name] for gpu in gpus for name in OF_GPU}
    return {name: value for name, value in values.items() if value is not None}
