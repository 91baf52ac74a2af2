"""A program that uses both generated Python clients. mypy checks it: each field has a type of its own, not Any."""

from __future__ import annotations

import by_generator.models as second
import by_python_client.models as first
from by_generator.api.training_api import TrainingApi
from by_python_client import Client
from by_python_client.api.training import get_status, start_run
from typing_extensions import assert_type


def use_first(client: Client, run: first.Run, error: first.Error) -> None:
    status = get_status.sync(client=client)
    if isinstance(status, first.ServiceStatus):
        assert_type(status.last_run, first.LastRun | None)
        assert_type(status.progress, first.Progress | None)
    started = start_run.sync(client=client, body=first.StartRequest(config_name="digits.yaml"))
    if isinstance(started, first.Started):
        assert_type(started.run_id, str)
    assert_type(run.stop, first.Stop | None)
    assert_type(run.preflight, first.Preflight | None)
    assert_type(run.request, first.RunRequest)
    assert_type(error.errors["config_name"], list[str])


def use_second(api: TrainingApi, run: second.Run, error: second.Error, report: second.Report) -> None:
    status = api.get_status()
    assert_type(status.last_run, second.LastRun | None)
    assert_type(status.progress, second.Progress | None)
    assert_type(run.stop, second.Stop | None)
    assert_type(run.request, second.RunRequest)
    assert_type(report.splits, second.TrainedSplits | None)
    assert_type(error.errors, dict[str, list[str]])
