"""Run all benchmarks and write benchmarks/RESULTS.md: `python -m benchmarks`.

`python -m benchmarks NAME...` runs the named benchmarks and only prints their figures.

Each module in this folder with a function `measure(rounds)` is a benchmark. The function yields figures. The module's
docstring explains them and introduces their section in RESULTS.md.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import os
import platform
import time
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from benchmarks.figures import HEADINGS, Figure

RESULTS = Path(__file__).with_name("RESULTS.md")
BY_HAND = "\n## Simplified"
"""The beginning of the section of RESULTS.md that people write. It stays."""
PACKAGES = ("flask", "flask-socketio", "eventlet", "gunicorn", "torch", "lightning", "fastapi", "uvicorn", "pandas")


def names() -> list[str]:
    """Find the benchmarks without importing them. Importing all modules would add their memory to each benchmark."""
    modules = sorted(Path(__file__).parent.glob("*.py"))
    return [path.stem for path in modules if "\ndef measure(" in path.read_text(encoding="utf-8")]


def measured(module: ModuleType, rounds: int) -> list[Figure]:
    """Run one benchmark and print each figure as it is measured."""
    figures = []
    for figure in module.measure(rounds):
        print("  " + "  |  ".join(cell for cell in figure.cells() if cell), flush=True)
        figures.append(figure)
    return figures


def table(figures: Iterable[Figure]) -> list[str]:
    rows = [HEADINGS, ["---"] * len(HEADINGS), *(figure.cells() for figure in figures)]
    return [f"| {' | '.join(cells)} |" for cells in rows]


def machine() -> str:
    """Describe the machine and the versions of the relevant packages."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return (
        f"Measured on {time.strftime('%Y-%m-%d')}: {os.cpu_count()} cores {model or platform.machine()}, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}; {versions}. "
        f"Load average at the start: {os.getloadavg()[0]:.1f}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"the benchmarks to run (default: all): {', '.join(names())}"
    )
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    unknown = set(options.names) - set(names())
    if unknown:
        parser.error(f"unknown benchmark {', '.join(sorted(unknown))}; choose from {', '.join(names())}")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # Else each server compiles our sources again.
    lines = [
        "# Results",
        "",
        machine(),
        "",
        "Written by `make bench`. A ratio says how many times better ours is, computed per round.",
    ]
    by_hand = "".join(RESULTS.read_text(encoding="utf-8").partition(BY_HAND)[1:])
    for name in options.names or names():
        print(name, flush=True)
        module = importlib.import_module(f"benchmarks.{name}")
        lines += ["", f"## {name}", "", (module.__doc__ or "").strip(), "", *table(measured(module, options.rounds))]
        if not options.names:
            RESULTS.write_text("\n".join(lines) + "\n" + by_hand, encoding="utf-8")


if __name__ == "__main__":
    main()
