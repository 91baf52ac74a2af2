"""The OpenAPI document passes the linters, and the clients that generators make of it compile and are typed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from app.factory import create_app
from app.settings import Settings
from tests.servers import ROOT

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
NODE = ROOT / "node_modules" / ".bin"
PYTHON = ROOT / ".venv" / "clients" / "bin"


def require(program: Path | str) -> str:
    """Return the path of a program. Skip the test if the program is missing, but not in CI."""
    found = shutil.which(program)
    if found is None:
        message = f"{program} is missing; `make test` installs it, and Java comes from the system"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    return found


def run(folder: Path, program: str, *arguments: str) -> str:
    """Run a program that must succeed, and return its output. It calls no one at home, and caches nothing."""
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"}
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env={**os.environ, **quiet},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the document as openapi.json."""
    document = create_app(Settings(), "threading").test_client().get("/openapi.json").get_json()
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    return tmp_path


def test_redocly_accepts_the_document(folder: Path) -> None:
    run(folder, require(NODE / "redocly"), "lint", "openapi.json", "--extends", "recommended-strict")


def test_spectral_accepts_the_document(folder: Path) -> None:
    ruleset = str(HERE / "spectral.yaml")
    run(folder, require(NODE / "spectral"), "lint", "openapi.json", "-r", ruleset, "--fail-severity", "hint")


def test_the_types_of_openapi_typescript_compile(folder: Path) -> None:
    run(folder, require(NODE / "openapi-typescript"), "openapi.json", "-o", "openapi.d.ts")
    shutil.copy(HERE / "use-types.ts", folder)
    options = ["--strict", "--noEmit", "--allowImportingTsExtensions", "--target", "es2022"]
    run(folder, require(NODE / "tsc"), *options, "use-types.ts")


def test_the_clients_for_python_compile(folder: Path) -> None:
    """One run of mypy checks both, because that takes longest."""
    require("java")
    first = ["generate", "--path", "openapi.json", "--meta", "none", "--output-path", "by_python_client"]
    run(folder, require(PYTHON / "openapi-python-client"), *first)
    parts = (
        "--global-property=apis,models,supportingFiles,apiDocs=false,modelDocs=false,apiTests=false,modelTests=false"
    )
    second = ["generate", "-i", "openapi.json", "-g", "python", "-o", ".", "--package-name", "by_generator", parts]
    run(folder, require(PYTHON / "openapi-generator-cli"), *second)
    shutil.copy(HERE / "use_python_clients.py", folder)
    options = ["--cache-dir", os.devnull, "--config-file", os.devnull]
    run(folder, require(PYTHON / "mypy"), *options, "use_python_clients.py", "by_python_client", "by_generator")
