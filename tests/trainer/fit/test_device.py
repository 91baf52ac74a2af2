"""What a machine can train on, and what it says where it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch._inductor import config

from trainer.experiment.experiment import ExperimentInvalid
from trainer.experiment.sections import Trainer
from trainer.fit.device import choose_device

no_gpu = pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="there is a GPU")


@no_gpu
@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (Trainer(accelerator="cuda"), "trainer.accelerator: there is no cuda device here; auto takes what there is"),
        (Trainer(accelerator="mps"), "trainer.accelerator: there is no mps device here; auto takes what there is"),
        (Trainer(devices=(1,)), "trainer.devices: must count from 0 on the CPU, like [0, 1] for two processes"),
        (Trainer(precision="16"), "trainer.precision: 16 needs a CUDA GPU; bf16 and 32 do without"),
    ],
)
def test_what_this_machine_cannot_do_is_one_sentence(chosen: Trainer, message: str) -> None:
    with pytest.raises(ExperimentInvalid) as raised:
        choose_device(chosen)
    assert str(raised.value) == message


@no_gpu
def test_auto_falls_back_to_the_cpu_which_has_bf16() -> None:
    device = choose_device(Trainer(precision="bf16", devices=(0, 1)))
    assert (device.accelerator, device.indices) == ("cpu", (0, 1))


@no_gpu
def test_compiling_without_a_compiler_says_what_is_missing(tmp_path: Path) -> None:
    chosen = Trainer(compile=True)
    compiler = tmp_path / "c++"
    said = rf"trainer\.compile: needs a C\+\+ compiler \({compiler}; .*CXX".replace("c++;", r"c\+\+;")
    with config.patch({"cpp.cxx": (None, str(compiler))}):  # which torch sets by CXX when it is imported
        with pytest.raises(ExperimentInvalid, match=said):
            choose_device(chosen)
        compiler.touch(mode=0o755)
        choose_device(chosen)
