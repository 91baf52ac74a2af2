"""The OpenAPI document in external tools: linters and client generators.

The project does not depend on these tools. A test is skipped unless its tools are on PATH.

    npm install -g @redocly/cli @stoplight/spectral-cli openapi-typescript typescript
    pipx install openapi-python-client
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.factory import create_app
from app.settings import Settings

USE_IN_TYPESCRIPT = """
import type { components, paths } from "./schema";
type Status = components["schemas"]["ServiceStatus"];
declare const status: Status;
export const runId: string | undefined = status.last_run?.run_id;
export const epoch: number | null | undefined = status.progress?.epoch;
// @ts-expect-error
export const unknownState: Status["last_run"] = { run_id: "a", state: "nonsense", reason: null };
// @ts-expect-error
export const unchecked: string = status.last_run.run_id;
type Start = paths["/training/start"]["post"]["requestBody"]["content"]["application/json"];
// @ts-expect-error
export const start: Start = { config_name: 3 };
"""

USE_IN_PYTHON = """
from client.models import ServiceStatus
body = {"status": "running", "running": True, "pid": 7, "run_id": "a", "state": "running", "config_name": "a.yaml",
        "started_at": None, "last_run": None,
        "progress": {"source": "log", "percent": 25.5, "scope": "training", "epoch": 0.5, "phase": "fit"}}
status = ServiceStatus.from_dict(body)
assert status.progress is not None and status.progress.epoch == 0.5
assert status.last_run is None
ended: str | None = None if status.last_run is None else status.last_run.reason
assert status.to_dict() == body
"""


def run(folder: Path, tool: str, *arguments: str) -> None:
    """Run an external tool; skip the test where the tool is not installed."""
    path = shutil.which(tool)
    if path is None:
        pytest.skip(f"{tool} is not on PATH")
    completed = subprocess.run([path, *arguments], cwd=folder, capture_output=True, text=True, timeout=300)
    assert completed.returncode == 0, completed.stdout + completed.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the document as the service serves it."""
    document = create_app(Settings(), "threading").test_client().get("/openapi.json").get_json()
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    (tmp_path / ".spectral.yaml").write_text('extends: ["spectral:oas"]\n')
    return tmp_path


def test_redocly_finds_no_error(folder: Path) -> None:
    run(folder, "redocly", "lint", "openapi.json")


def test_spectral_finds_no_error(folder: Path) -> None:
    run(folder, "spectral", "lint", "openapi.json", "--fail-severity=error")


def test_a_client_in_typescript_compiles_and_is_typed(folder: Path) -> None:
    run(folder, "openapi-typescript", "openapi.json", "-o", "schema.d.ts")
    (folder / "use.ts").write_text(USE_IN_TYPESCRIPT)
    run(folder, "tsc", "--noEmit", "--strict", "--skipLibCheck", "false", "use.ts", "schema.d.ts")


def test_a_client_in_python_is_typed_and_reads_our_answers(folder: Path) -> None:
    run(folder, "openapi-python-client", "generate", "--path=openapi.json", "--meta=none", "--output-path=client")
    (folder / "use.py").write_text(USE_IN_PYTHON)
    # The dependencies of the generated clients are installed next to the generator.
    python = str(Path(str(shutil.which("openapi-python-client"))).resolve().with_name("python"))
    run(folder, python, "use.py")
    run(folder, sys.executable, "-m", "mypy", "--strict", f"--python-executable={python}", "client", "use.py")
