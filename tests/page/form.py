"""Files and locators that the tests of the start form share."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from tests.app.written import write_checkpoint, write_run
from tests.servers import LiveServer
from tests.trainer.trainings import TINY, write_images
from trainer.experiment import strict_yaml


def write_experiment_and_dataset(server: LiveServer) -> None:
    (server.configs_dir / "tiny.yaml").write_text("description: Small.\n" + TINY, encoding="utf-8")
    pets = server.data_dir / "pets"
    write_images(pets, {"cat": 60, "dog": 180}, counts=(12, 3, 3))
    (pets / "test" / "cat" / "leaked.png").write_bytes((pets / "train" / "cat" / "0.png").read_bytes())


def write_resumable(server: LiveServer, overrides: dict[str, Any] | None = None) -> Path:
    """Write a stopped run with a checkpoint. Its seed differs from the experiment's."""
    request = {"config_name": "tiny.yaml", "dataset": "pets", "model_name": "mine", "overrides": overrides or {}}
    folders = {f"{split}_data_dir": str(server.data_dir / "pets" / split) for split in ("train", "val", "test")}
    run = write_run(server.runs_dir, "2026-01-01_00-00-00", "stopped", request=request | folders)
    write_checkpoint(run, strict_yaml.parse(TINY) | {"seed": 5}, ("cat", "dog"))
    return run


def field(page: Any, path: str) -> Any:
    return page.locator(f"[id='parameter-{path}']")


def problem(page: Any, path: str) -> Any:
    return page.locator(f"[id='parameter-{path}-problem']")


def request_of(page: Any) -> Any:
    """Return the request body in the curl command on the page, without `queue`."""
    words = shlex.split(page.locator("#curl pre").inner_text().replace("\\\n", ""))
    return {name: value for name, value in json.loads(words[-1]).items() if name != "queue"}
