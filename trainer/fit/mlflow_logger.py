"""MLflow tracking that neither ends nor delays a training when its server fails."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

from lightning.pytorch.loggers import MLFlowLogger
from lightning_utilities.core.rank_zero import rank_zero_only

from trainer.experiment.experiment import ExperimentInvalid
from trainer.request import Request

SEND_INTERVAL_S = 1.0
RETRY_INTERVAL_S = 60.0
MAX_METRICS_PER_CALL = 1000
"""MLflow's own limit."""


class BufferedMLFlowLogger(MLFlowLogger):
    """One MLflow run, named by the run id, in an MLflow experiment named after the experiment file.

    MLflow's own variables choose the server (MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME, credentials). Without them it
    is the folder mlflow/ in the run directory. A server that is unreachable at the start is an error. If it becomes
    unreachable later, the logger says so once, keeps the metrics and sends them when it is back.
    """

    def __init__(self, request: Request, log: Callable[[str], None]) -> None:
        """Open the MLflow run. Raises ExperimentInvalid if MLflow is not installed or not reachable."""
        self._log = log
        self._unsent: list[Any] = []
        self._next_send_s = 0.0
        self._is_unreachable = False
        # Defaults, which a user may override: retries would delay the training by minutes, and telemetry is unwanted.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        try:
            from mlflow import environment_variables as variables
        except ImportError as error:
            problem = 'mlflow is not installed; pip install "mlflow-skinny>=3", which is the extra "mlflow"'
            raise ExperimentInvalid({"loggers": [problem]}) from error
        uri = variables.MLFLOW_TRACKING_URI.get()  # type: ignore[no-untyped-call]
        name = variables.MLFLOW_EXPERIMENT_NAME.get()  # type: ignore[no-untyped-call]
        if not uri:
            uri = (request.run.path.absolute() / "mlflow").as_uri()
            # MLflow 3 prefers a database, whose driver mlflow-skinny lacks. For one run a folder is enough.
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        try:
            super().__init__(
                experiment_name=name or PurePath(request.config_name).stem,
                run_name=request.run.run_id,
                tracking_uri=uri,
                tags={"model_name": request.model_name, "dataset_name": request.dataset_name},
            )
            _ = self.experiment
        except Exception as error:  # MLflow's stores and their drivers raise anything
            problem = f"mlflow cannot be used at {uri} (MLFLOW_TRACKING_URI): {_first_line(error)}"
            raise ExperimentInvalid({"loggers": [problem]}) from error

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        self._unsent += [Metric(name, float(value), now_ms, step or 0) for name, value in metrics.items()]

    @rank_zero_only
    def save(self) -> None:
        """Send the metrics logged so far, at most once a second."""
        if time.monotonic() >= self._next_send_s:
            self._send()

    @rank_zero_only
    def finish(self, status: str) -> None:
        """Send the remaining metrics and set the MLflow run's status: FINISHED, FAILED or KILLED."""
        self._send()
        if not self._is_unreachable:
            self._try(lambda: self.experiment.set_terminated(self.run_id, status))

    def _send(self) -> None:
        while self._unsent:
            chunk = self._unsent[:MAX_METRICS_PER_CALL]
            if not self._try(lambda: self.experiment.log_batch(self.run_id, metrics=chunk)):  # noqa: B023 - called at once
                return
            del self._unsent[: len(chunk)]

    def _try(self, call: Callable[[], Any]) -> bool:
        """Call the server and return whether that succeeded. Log when the server fails and when it is back."""
        problem = None
        try:
            call()
        except Exception as error:  # whatever it is, the training must continue
            problem = _first_line(error)
        if problem is not None and not self._is_unreachable:
            self._log(f"mlflow: {problem}; training continues, and its metrics are sent later")
        elif problem is None and self._is_unreachable:
            self._log("mlflow: reachable again")
        self._is_unreachable = problem is not None
        self._next_send_s = time.monotonic() + (RETRY_INTERVAL_S if self._is_unreachable else SEND_INTERVAL_S)
        return not self._is_unreachable


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:300]}"
