"""The direction of imports, as seen by a fresh interpreter and in the source."""

from __future__ import annotations

import ast
import subprocess
import sys
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
RUNNER_MODULES = ["runner", "keeper", "rundir", "verdict", "process", "oom"]


def imported_by(statement: str, *options: str) -> set[str]:
    """The top-level packages that a fresh interpreter has loaded after `statement`."""
    told = subprocess.run(
        [sys.executable, *options, "-c", f"{statement}\nimport sys\nprint(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in told.stdout.split()}


def imports_of(file: Path) -> set[str]:
    """Every module that a source file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


def sources(folder: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*.py"))


def packages(file: str) -> set[str]:
    return {name.partition(".")[0] for name in imports_of(ROOT / file)}


def test_the_service_loads_nothing_of_deep_learning() -> None:
    every_module = "; ".join(f"import {name[:-3].replace('/', '.')}" for name in sources("app"))
    assert not HEAVY & imported_by(every_module)
    assert not HEAVY & imported_by("from app import create_app; from app.settings import Settings; "
                                   "create_app(Settings(), 'threading')")  # fmt: skip


def test_the_runner_needs_the_standard_library_alone() -> None:
    # -I -S: neither site-packages nor anything of the environment can be found.
    every_module = "; ".join(f"import trainer.{name}" for name in RUNNER_MODULES)
    loaded = imported_by(f"import sys; sys.path.insert(0, {str(ROOT)!r}); {every_module}", "-I", "-S")
    assert loaded - {"trainer"} <= set(sys.stdlib_module_names) | {"__main__"}


@pytest.mark.slow
def test_the_training_program_loads_nothing_of_the_service() -> None:
    modules = [name[:-3].replace("/", ".") for name in sources("trainer") if "__" not in name]
    loaded = imported_by("; ".join(f"import {module}" for module in modules))
    assert "torch" in loaded
    assert not (WEB | {"app"}) & loaded


@pytest.mark.parametrize("file", sources("trainer"))
def test_the_training_program_imports_nothing_of_the_service(file: str) -> None:
    assert not packages(file) & (WEB | {"app", "wsgi"})


@pytest.mark.parametrize("file", sources("app"))
def test_the_service_imports_nothing_of_deep_learning(file: str) -> None:
    allowed = {"numpy"} if file == "app/runs/downsampling.py" else set[str]()  # Where it is needed; see above.
    assert not packages(file) & HEAVY - allowed
    modules = {name for name in imports_of(ROOT / file) if name.startswith("trainer.")}
    assert not {name for name in modules if name.split(".")[1] in ("train", "data", "network", "module", "callbacks")}


@pytest.mark.parametrize("file", sources("app/runs"))
def test_the_domain_knows_no_web(file: str) -> None:
    assert not packages(file) & (WEB | {"marshmallow", "webargs"})
    ours = {name for name in imports_of(ROOT / file) if name.startswith("app.")}
    assert all(name == "app.runs" or name.startswith("app.runs.") for name in ours), ours


@pytest.mark.parametrize("file", [*sources("app/runs"), *sources("trainer")])
def test_only_the_edges_read_the_environment(file: str) -> None:
    """Settings are passed in; what a child inherits is composed where it is launched."""
    text = (ROOT / file).read_text(encoding="utf-8")
    assert "TRAINING_" not in text or file in ("app/runs/launcher.py", "app/runs/exceptions.py", "app/runs/starting.py")
    assert "os.environ.get(" not in text or file in ("app/runs/launcher.py", "trainer/__main__.py")


@pytest.mark.parametrize("package", ["app", "app.runs", "trainer"])
def test_importing_does_nothing(package: str, tmp_path: Path) -> None:
    watch = (
        "import sys, threading, os; sys.path.insert(0, sys.argv[1]); before = threading.active_count(); "
        f"import {package}; assert threading.active_count() == before; assert os.listdir('.') == []"
    )
    subprocess.run([sys.executable, "-c", watch, str(ROOT)], cwd=tmp_path, check=True)
