"""Import directions, checked in a fresh interpreter and in the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.servers import ROOT

HEAVY = {
    "torch",
    "lightning",
    "pytorch_lightning",
    "transformers",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "kornia",
    "matplotlib",
    "numpy",
    "torchmetrics",
}
WEB = {"flask", "flask_smorest", "flask_socketio", "socketio", "engineio", "werkzeug", "eventlet", "gunicorn"}
ROOTS = {"app", "app.runs", "trainer"}
"""Packages whose `__init__` is empty, because every import of a module below runs it."""
FORMS = {"marshmallow", "webargs"}

SERVICE = [
    {"app.factory", "app.cli"},
    {"app.page"},
    {"app.live"},
    {"app.rest"},
    {"app.monitoring"},
    {"app.schemas", "app.domain", "app.server"},
    {"app.access", "app.problems"},
    {"app.settings"},
    {"app.runs.notify", "app.runs.views", "app.runs.start", "app.runs.follow", "app.runs.predictions"},
    {"app.runs.queue", "app.runs.retention"},
    {"app.runs.collect", "app.runs.models", "app.runs.progress", "app.runs.usage"},
    {"app.runs.store", "app.runs.metrics", "app.runs.log"},
    {"app.runs.executors"},
    {"app.runs.globs", "app.runs.child", "app.runs.duty", "app.runs.temporary"},
    {"app.runs.complaints", "app.runs.filelock", "app.runs.filestate", "app.runs.names"},
    {"app.runs.exceptions", "app.runs.times", "app.installation", "app.tokens"},
]
"""The layers of the service. A package imports only from lower layers and from the trainer's torch-free packages."""
TRAINER = [
    {"trainer.warm", "trainer.predict", "trainer.predictor", "trainer.split", "trainer.digits"},
    {"trainer.__main__", "trainer.rank"},
    {"trainer.arguments"},
    {"trainer.training"},
    {"trainer.report"},
    {"trainer.model"},
    {"trainer.fit"},
    {"trainer.batches", "trainer.ddp", "trainer.reasons", "trainer.libraries"},
    {"trainer.request", "trainer.network", "trainer.explanation"},
    {"trainer.preparation"},
    {"trainer.preflight", "trainer.experiment"},
    {"trainer.dataset", "trainer.runner", "trainer.progress", "trainer.stopping", "trainer.manifest"},
    {"trainer.rundir", "trainer.temporary"},
    {"trainer.runfile", "trainer.filestate"},
]
"""The layers of the training program, with the same rule."""
CLI_MAY_IMPORT = {"app.tokens", "app.installation"}
"""The modules of the service that the command line and its client may import."""
SHARED = {
    "trainer.runner",
    "trainer.experiment",
    "trainer.dataset",
    "trainer.preflight",
    "trainer.manifest",
    "trainer.rundir",
    "trainer.runfile",
    "trainer.filestate",
}
"""The trainer's packages that the service may import."""


def imported_by(statement: str, *options: str) -> set[str]:
    """Return the top-level packages that a fresh interpreter has loaded after `statement`."""
    completed = subprocess.run(
        [sys.executable, *options, "-c", f"{statement}\nimport sys\nprint(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in completed.stdout.split()}


@cache
def imports_of(file: str) -> set[str]:
    """Return every module that a source file imports, at the top or inside a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


def sources(folder: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*.py"))


def module(file: str) -> str:
    return file[: -len(".py")].replace("/", ".").removesuffix(".__init__")


def library(name: str) -> str:
    return name.partition(".")[0]


def package(name: str) -> str:
    """Return the name that the layers above use for a module's package."""
    parts = name.split(".")
    return ".".join(parts[: 3 if parts[:2] == ["app", "runs"] else 2])


def importing(names: set[str], files: list[str], part: Callable[[str], str] = library) -> list[tuple[str, str]]:
    """Return each file that imports something of `names`, with what it imports. `part` reduces a module to a name."""
    return [(file, name) for file in files for name in sorted({part(each) for each in imports_of(file)} & names)]


def test_each_package_imports_only_from_lower_layers() -> None:
    level = {name: number for number, names in enumerate([*SERVICE, *TRAINER]) for name in names}
    files = [file for file in [*sources("app"), *sources("trainer")] if module(file) not in ROOTS]
    assert {package(module(file)) for file in files} == set(level)
    wrong = [
        (file, name)
        for file in files
        for name in sorted({package(each) for each in imports_of(file)} & set(level))
        if name != package(module(file)) and level[name] <= level[package(module(file))]
    ]
    assert not wrong


def test_the_service_imports_only_shared_packages_of_the_trainer() -> None:
    known = {name for names in TRAINER for name in names}
    assert importing(known - SHARED, sources("app"), package) == []


def test_the_service_loads_no_deep_learning_library() -> None:
    every_module = "; ".join(f"import {module(file)}" for file in sources("app"))
    assert not HEAVY & imported_by(every_module)
    assert not HEAVY & imported_by("from app.factory import create_app; from app.settings import Settings; "
                                   "create_app(Settings(), 'threading')")  # fmt: skip


def test_the_client_needs_no_part_of_the_service() -> None:
    # The client imports the other modules when it needs them.
    statement = "import app.cli.client, app.cli.download, app.cli.live, app.cli.prediction, app.cli.queueing"
    assert not imported_by(statement) & (HEAVY | WEB | FORMS)
    # These work without a service.
    without_service = {f"app/cli/{name}.py" for name in ("pruning", "commands/prune", "commands/notify")}
    files = set(sources("app/cli")) - without_service
    names = {name for file in files for name in imports_of(file) if name.startswith("app.")}
    assert all(name.startswith("app.cli") or package(name) in CLI_MAY_IMPORT for name in names), names


def test_the_command_line_starts_without_the_libraries_of_the_client() -> None:
    loaded = imported_by("from app.cli import main; main(['--help'], standalone_mode=False)")
    assert not loaded & (HEAVY | WEB | FORMS | {"requests", "websocket", "yaml"})


def test_the_runner_needs_only_the_standard_library() -> None:
    # -I -S hides site-packages and ignores PYTHON environment variables.
    every_module = "; ".join(f"import {module(file)}" for file in sources("trainer/runner") if "__main__" not in file)
    loaded = imported_by(f"import sys; sys.path.insert(0, {str(ROOT)!r}); {every_module}", "-I", "-S")
    assert loaded - {"trainer"} <= set(sys.stdlib_module_names) | {"__main__"}


@pytest.mark.slow
def test_the_training_program_loads_no_module_of_the_service() -> None:
    modules = [module(file) for file in sources("trainer") if "__" not in file]
    loaded = imported_by("; ".join(f"import {name}" for name in modules))
    assert "torch" in loaded
    assert not (WEB | {"app"}) & loaded


def test_the_training_program_imports_no_module_of_the_service() -> None:
    assert importing(WEB | {"app", "wsgi"}, sources("trainer")) == []


def test_the_service_imports_no_deep_learning_library() -> None:
    assert importing(HEAVY, sources("app")) == [("app/runs/metrics/downsampling.py", "numpy")]  # It imports on demand.


def test_the_domain_imports_no_web_library() -> None:
    assert importing(WEB | FORMS, sources("app/runs")) == []


EDGES = {
    "app/runs/child.py",  # builds the environment of every program that the service starts
    "app/runs/executors/invocation.py",  # passes PYTHONPATH on
    "trainer/__main__.py",
    "trainer/runner/job.py",  # reads what SLURM tells a job
    "trainer/runner/program.py",  # passes the environment on to a prewarmed program
}
NAMES_IN_MESSAGES = {
    "app/runs/exceptions.py",
    "app/runs/executors/slurm/endings.py",
    "app/runs/executors/slurm/executor.py",
    "app/runs/executors/slurm/submission.py",
    "app/runs/start/folders.py",
}


def texts(file: str) -> list[str]:
    """Return the string literals of a source file, without docstrings."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


def test_only_the_edges_read_the_environment() -> None:
    """All other modules get their settings as arguments."""
    inner = {*sources("app/runs"), *sources("trainer")} - EDGES
    assert [file for file in inner - NAMES_IN_MESSAGES if any("TRAINING_" in text for text in texts(file))] == []
    assert [file for file in inner if "os.environ.get(" in (ROOT / file).read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("package", ["app", "app.runs", "trainer"])
def test_importing_does_nothing(package: str, tmp_path: Path) -> None:
    watch = (
        "import sys, threading, os; sys.path.insert(0, sys.argv[1]); before = threading.active_count(); "
        f"import {package}; assert threading.active_count() == before; assert os.listdir('.') == []"
    )
    subprocess.run([sys.executable, "-c", watch, str(ROOT)], cwd=tmp_path, check=True)
