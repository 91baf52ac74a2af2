"""MLflow tracking that neither ends nor holds up a training of days, whatever its server does."""

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

SEND_EVERY_S = 1.0
TRY_AGAIN_AFTER_S = 60.0
MAX_METRICS_PER_CALL = 1000
"""MLflow's own limit."""


class MLflow(MLFlowLogger):
    """One MLflow run, named by the run id, in an experiment named by the experiment file.

    MLflow's own environment variables say where (MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME, credentials); without
    them it is the folder mlflow/ in the run directory. A server that cannot be reached at the start is an error. Later
    its metrics wait, which is said once, and are sent when it is back.
    """

    def __init__(self, request: Request, say: Callable[[str], None]) -> None:
        """Open the MLflow run. Raises ExperimentInvalid where MLflow is not installed or cannot be reached."""
        self._say = say
        self._waiting: list[Any] = []
        self._next_send_s = 0.0
        self._is_away = False
        # What its user has not set: minutes of retries would hold up the training, and nothing is told to its makers.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        try:
            from mlflow import environment_variables as mlflow_settings
        except ImportError as error:
            problem = 'mlflow is not installed; pip install "mlflow-skinny>=3", which is the extra "mlflow"'
            raise ExperimentInvalid({"loggers": [problem]}) from error
        uri = mlflow_settings.MLFLOW_TRACKING_URI.get()  # type: ignore[no-untyped-call]
        name = mlflow_settings.MLFLOW_EXPERIMENT_NAME.get()  # type: ignore[no-untyped-call]
        if not uri:
            uri = (request.run.path.absolute() / "mlflow").as_uri()
            # MLflow 3 wants a database instead, whose driver mlflow-skinny lacks; for one run a folder is enough.
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        try:
            super().__init__(
                experiment_name=name or PurePath(request.config_name).stem,
                run_name=request.run.run_id,
                tracking_uri=uri,
                tags={"model_name": request.model_name, "dataset_name": request.dataset_name},
            )
            _ = self.experiment
        except Exception as error:  # its stores and their drivers raise what they like
            problem = f"mlflow cannot be used at {uri} (MLFLOW_TRACKING_URI): {_first_line(error)}"
            raise ExperimentInvalid({"loggers": [problem]}) from error

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        self._waiting += [Metric(name, float(value), now_ms, step or 0) for name, value in metrics.items()]

    @rank_zero_only
    def save(self) -> None:
        """Send what waits, at most once a second."""
        if time.monotonic() >= self._next_send_s:
            self._send()

    @rank_zero_only
    def finalize(self, status: str = "success") -> None:
        """Do nothing: Lightning says this after the fit and again after the test, and what follows can still fail."""

    @rank_zero_only
    def finish(self, status: str) -> None:
        """Send all that waits and set the MLflow run's status: FINISHED, FAILED or KILLED."""
        self._send()
        if not self._is_away:
            self._try(lambda: self.experiment.set_terminated(self.run_id, status))

    def _send(self) -> None:
        while self._waiting:
            some = self._waiting[:MAX_METRICS_PER_CALL]
            if not self._try(lambda: self.experiment.log_batch(self.run_id, metrics=some)):  # noqa: B023 - called at once
                return
            del self._waiting[: len(some)]

    def _try(self, call: Callable[[], Any]) -> bool:
        """Do a call to the server; whether that went well. What changes is said."""
        problem = None
        try:
            call()
        except Exception as error:  # whatever it is, the training is worth more
            problem = _first_line(error)
        if problem is not None and not self._is_away:
            self._say(f"mlflow: {problem}; the training goes on, its metrics are sent later")
        elif problem is None and self._is_away:
            self._say("mlflow: it is back")
        self._is_away = problem is not None
        self._next_send_s = time.monotonic() + (TRY_AGAIN_AFTER_S if self._is_away else SEND_EVERY_S)
        return not self._is_away


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:300]}"
