"""The choice of a device, and the errors if the machine lacks it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch._inductor import config

from trainer.experiment.experiment import ExperimentInvalid
from trainer.experiment.sections import Trainer
from trainer.fit.device import Device, choose_device
from trainer.request import SINGLE_PROCESS

no_gpu = pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="there is a GPU")


@no_gpu
@pytest.mark.parametrize(
    ("chosen", "setting", "fact"),
    [
        (Trainer(accelerator="cuda"), "accelerator", "cuda"),
        (Trainer(accelerator="mps"), "accelerator", "mps"),
        (Trainer(devices=(1,)), "devices", "from 0"),
        (Trainer(precision="16"), "precision", "CUDA"),
    ],
)
def test_unsupported_parameters_are_refused(chosen: Trainer, setting: str, fact: str) -> None:
    with pytest.raises(ExperimentInvalid) as raised:
        choose_device(chosen)
    ((key, (problem,)),) = raised.value.errors.items()
    assert key == f"trainer.{setting}"
    assert fact in problem


@no_gpu
def test_auto_falls_back_to_the_cpu_which_supports_bf16() -> None:
    device = choose_device(Trainer(precision="bf16", devices=(0, 1)))
    assert (device.accelerator, device.indices) == ("cpu", (0, 1))


def test_tf32_is_allowed_on_a_gpu_but_not_on_the_cpu() -> None:
    try:
        Device("cuda", (0,), Trainer()).configure_torch(SINGLE_PROCESS)
        assert torch.backends.cuda.matmul.allow_tf32
        assert torch.backends.mkldnn.matmul.fp32_precision != "tf32"
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False


@no_gpu
def test_compile_without_a_compiler_names_the_missing_one(tmp_path: Path) -> None:
    chosen = Trainer(compile=True)
    compiler = tmp_path / "c++"
    with config.patch({"cpp.cxx": (None, str(compiler))}):  # torch sets it from CXX at import
        with pytest.raises(ExperimentInvalid, match=rf"trainer\.compile: .*{re.escape(str(compiler))}.*CXX"):
            choose_device(chosen)
        compiler.touch(mode=0o755)
        choose_device(chosen)
