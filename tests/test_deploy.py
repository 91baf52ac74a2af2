"""The files of docs/deploy work as they are written. The proxies' are tested in tests/live/test_proxy.py."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.servers import ROOT

DEPLOY = ROOT / "docs" / "deploy"
UNIT = (DEPLOY / "training.service").read_text(encoding="utf-8")
REMOVED_AT_A_STOP = ("PrivateTmp", "RuntimeDirectory", "DynamicUser", "RemoveIPC")
HIDES_GPUS = ("PrivateDevices", "ProtectClock", "DevicePolicy", "DeviceAllow")


@pytest.fixture
def systemd_analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        message = "This test needs systemd-analyze (apt-get install systemd)."
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


def test_systemd_accepts_the_unit_and_its_hardening(systemd_analyze: str, tmp_path: Path) -> None:
    program = tmp_path / "training"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "training.service"
    unit.write_text(UNIT.replace("/opt/training/bin/training", str(program)))
    for argv in (["verify"], ["security", "--offline=true", "--threshold=40"]):
        checked = subprocess.run([systemd_analyze, *argv, str(unit)], capture_output=True, text=True)
        assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout


def test_the_unit_leaves_runs_alone_when_the_service_stops_or_a_run_needs_too_much_memory() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(UNIT)
    service = unit["Service"]
    assert (service["KillMode"], service["OOMPolicy"]) == ("process", "continue")
    assert not {*REMOVED_AT_A_STOP, *HIDES_GPUS} & set(service)


def test_compose_builds_the_dockerfile_and_gives_runs_time_to_save() -> None:
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]["training"]
    assert ROOT / service["build"]["dockerfile"] == DEPLOY / "Dockerfile"
    assert "init" not in service, "the service is process 1"
    assert int(service["stop_grace_period"].removesuffix("s")) > 30
