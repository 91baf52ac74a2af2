"""The project as pip installs it: from the wheel, in a virtual environment that has nothing but the core packages."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement

from tests.reader import check_out

BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"


def build_wheel(home: Path) -> Path:
    """Build the source distribution of a copy of the checkout, and the wheel from that alone. Return the wheel."""
    check_out(home / "checkout")
    with tarfile.open(_build("build_sdist", home / "checkout", home)) as archive:
        archive.extractall(home / "source", filter="data")
    [source] = (home / "source").iterdir()
    return _build("build_wheel", source, home)


def _build(hook: str, source: Path, target: Path) -> Path:
    completed = subprocess.run(
        [sys.executable, "-c", BUILD, hook, str(target)], cwd=source, capture_output=True, text=True
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return target / completed.stdout.splitlines()[-1]


class Installation:
    """A virtual environment with a wheel of the project and links to what the wheel requires, extras excluded."""

    def __init__(self, home: Path, wheel: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
        self.bin = home / "bin"
        [self.packages] = home.glob("lib/python*/site-packages")
        pip = [sys.executable, "-m", "pip", "--python", str(self.bin / "python"), "install", "--quiet"]
        subprocess.run([*pip, "--no-deps", "--no-index", "--no-compile", str(wheel)], check=True)
        [own] = distributions(path=[str(self.packages)])
        required: dict[str, Distribution] = {}
        _add_requirements(own, frozenset({""}), required)
        for each in required.values():
            self._link(each)

    def _link(self, each: Distribution) -> None:
        for name in {file.parts[0] for file in each.files or []} - {"..", "__pycache__"}:
            link = self.packages / name
            if not link.exists():
                link.symlink_to(Path(str(each.locate_file(name))))

    def run(self, *argv: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run one of the environment's programs."""
        program, *arguments = argv
        return subprocess.run([self.bin / program, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60)


def _add_requirements(own: Distribution, extras: frozenset[str], found: dict[str, Distribution]) -> None:
    """Add the distributions that `own` requires with `extras`, and what these require."""
    for text in own.requires or []:
        requirement = Requirement(text)
        if requirement.marker is not None and not any(requirement.marker.evaluate({"extra": each}) for each in extras):
            continue
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        key = f"{name}[{','.join(sorted(requirement.extras))}]"
        if key in found:
            continue
        found[key] = distribution(name)
        _add_requirements(found[key], frozenset({"", *requirement.extras}), found)
