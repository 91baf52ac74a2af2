"""Find the GPUs of a machine through a library that stands in for NVIDIA's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.runs.executors.local.gpus import GpuNotFound, accelerators_here, find_gpus
from tests.app.refusals import error_line, refusal
from tests.conftest import end
from tests.servers import ROOT, LiveServer
from tests.waiting import wait_until

NVML = """
#include <stdlib.h>
#include <string.h>
static const char *uuids[] = {"GPU-aaaa-1", "GPU-bbbb-2", "GPU-abcd-3"};
static int numbers[] = {0, 1, 2};
int nvmlInitWithFlags(unsigned int flags) { return 0; }
int nvmlInit_v2(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = 3; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, int **device) {
  if (getenv("LOST_GPU") && atoi(getenv("LOST_GPU")) == (int)index) return 15;  /* GPU is lost */
  *device = &numbers[index];
  return 0;
}
int nvmlDeviceGetUUID(int *device, char *uuid, unsigned int length) { strcpy(uuid, uuids[*device]); return 0; }
int nvmlDeviceGetHandleByUUID(const char *uuid, int **device) {
  for (int i = 0; i < 3; i++) if (!strcmp(uuid, uuids[i])) { *device = &numbers[i]; return 0; }
  return 6;  /* not found */
}
int nvmlDeviceGetPowerUsage(int *device, unsigned int *mw) { *mw = 100000 * (*device + 1); return 0; }
int nvmlDeviceGetCudaComputeCapability(int *device, int *major, int *minor) { *major = 7 + *device; return 0; }
"""
FIND = """
import json, sys
from app.runs.executors.local.gpus import GpuNotFound, accelerators_here, find_gpus
wanted, visible = json.loads(sys.argv[1])
try:
    found = find_gpus(wanted, visible)
    print(json.dumps([found, accelerators_here(found).cuda_has_bf16]))
except GpuNotFound as error:
    print(json.dumps(str(error)))
"""

MEASURE = """
import json, os, sys
from pathlib import Path
from app.runs.executors.executor import Processes, Ref
from app.runs.follow.system import SystemMonitor
from app.runs.store.run import Run
from app.runs.usage.answer import describe_usage
from app.runs.usage.recorder import UsageRecorder
from trainer.rundir import RunDir
directory = RunDir(Path(sys.argv[1]))
Ref(directory, "local", gpus=tuple(json.loads(sys.argv[2]))).write()
run = Run(directory, "running", None, {})
recorder = UsageRecorder()
recorder.record([run], SystemMonitor(directory.path, lambda ref: Processes(os.getpid(), [])).measure([run]))
recorder.close()
print(json.dumps(describe_usage(run)["gpus"]))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which NVML shows three GPUs."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    folder = tmp_path_factory.mktemp("nvml")
    (folder / "nvml.c").write_text(NVML)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", folder / "libnvidia-ml.so.1", folder / "nvml.c", "-w"], check=True)
    return {"LD_LIBRARY_PATH": str(folder)}


def found(library: dict[str, str], wanted: list[str] | None, visible: str | None = None) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", FIND, json.dumps([wanted, visible])],
        cwd=ROOT,
        env=os.environ | library,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("wanted", "visible", "expected"),
    [
        (None, None, [0, 1, 2]),
        (None, "2,0", [2, 0]),
        (None, "GPU-bb", [1]),
        (None, "0,-1,1", [0]),
        (None, "", []),
        ([], None, []),
        (["1", "GPU-aaaa-1"], None, [1, 0]),
        (["2", "2", "GPU-abcd-3"], None, [2]),
        (["1"], "0", [1]),
    ],
)
def test_gpus_are_known_by_uuid(
    library: dict[str, str], wanted: list[str] | None, visible: str | None, expected: list[int]
) -> None:
    uuids = ["GPU-aaaa-1", "GPU-bbbb-2", "GPU-abcd-3"]
    assert found(library, wanted, visible) == [
        [uuids[number] for number in expected],
        [number > 0 for number in expected],  # The first GPU is older than Ampere.
    ]


def test_a_lost_gpu_is_not_divided_among_the_runs(library: dict[str, str]) -> None:
    library = library | {"LOST_GPU": "1"}
    assert found(library, None)[0] == ["GPU-aaaa-1", "GPU-abcd-3"]
    assert found(library, ["2"])[0] == ["GPU-abcd-3"]
    assert found(library, ["1"]) == "names 1, but this machine has the GPUs 0 (GPU-aaaa-1), 2 (GPU-abcd-3)"


def test_the_other_gpus_of_a_run_are_measured_while_one_is_lost(library: dict[str, str], tmp_path: Path) -> None:
    power_w = measured_power(library | {"LOST_GPU": "1"}, tmp_path, ["GPU-aaaa-1", "1", "2"])
    assert power_w == {0: [100], 2: [300]}


@pytest.mark.parametrize("wanted", ["3", "GPU-x", "MIG-1"])
def test_a_gpu_that_does_not_exist_is_named(library: dict[str, str], wanted: str) -> None:
    expected = f"names {wanted}, but this machine has the GPUs 0 (GPU-aaaa-1), 1 (GPU-bbbb-2), 2 (GPU-abcd-3)"
    assert found(library, [wanted]) == expected


def test_without_nvml_a_run_sees_what_there_is_or_what_is_named() -> None:
    assert find_gpus(None, "0") is None
    assert find_gpus(["0", "1"], None) == ("0", "1")
    assert find_gpus((), None) == ()
    assert accelerators_here(("0",)) is None
    with pytest.raises(ValueError, match="x"):
        raise GpuNotFound("x")


@pytest.mark.parametrize(
    ("gpus", "power_w"), [(["GPU-aaaa-1"], {0: [100]}), (["GPU-aaaa-1", "2"], {0: [100], 2: [300]}), ([], {})]
)
def test_a_run_is_measured_with_its_own_gpus(
    library: dict[str, str], tmp_path: Path, gpus: list[str], power_w: dict[int, list[float]]
) -> None:
    assert measured_power(library, tmp_path, gpus) == power_w


def measured_power(library: dict[str, str], folder: Path, gpus: list[str]) -> dict[int, list[float | None]]:
    argv = [sys.executable, "-c", MEASURE, str(folder), json.dumps(gpus)]
    done = subprocess.run(argv, cwd=ROOT, env=os.environ | library, stdout=subprocess.PIPE, text=True, check=True)
    measured = json.loads(done.stdout)
    assert all(gpu["utilisation_percent"] == [None] for gpu in measured)  # This library does not report it.
    return {gpu["index"]: gpu["power_w"] for gpu in measured}


def test_a_service_refuses_gpus_that_do_not_exist(library: dict[str, str], tmp_path: Path) -> None:
    line = error_line(refusal("eventlet", tmp_path, TRAINING_GPUS="0,7", **library))
    assert "TRAINING_GPUS names 7, but this machine has the GPUs 0 (GPU-aaaa-1)" in line


@pytest.fixture
def server(library: dict[str, str], tmp_path: Path) -> Iterator[LiveServer]:
    server = LiveServer(tmp_path, "eventlet", TRAINING_MAX_ACTIVE="2", TRAINING_GPUS="1,2", **library)
    yield server.start()
    end(server)


def test_runs_divide_the_gpus_of_the_settings(server: LiveServer) -> None:
    shell = '["sh", "-c", "echo $CUDA_VISIBLE_DEVICES; exec sleep 1000"]'
    (server.configs_dir / "shell.yaml").write_text(f"command: {{argv: {shell}}}\n")
    answer = server.post("/training/start", {"config_name": "shell.yaml", "gpus": 3})
    assert answer.status_code == 422
    assert "at most 2" in answer.json()["errors"]["gpus"][0]
    runs = [server.start_run("shell.yaml") for _ in range(2)]
    logs = [server.runs_dir / run_id / "train.log" for run_id in runs]
    wait_until(lambda: all(log.exists() and log.read_text() for log in logs), 10)
    assert [log.read_text() for log in logs] == ["GPU-bbbb-2\n", "GPU-abcd-3\n"]
