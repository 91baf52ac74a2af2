from __future__ import annotations

import errno
import os

import pytest
import torch

from trainer import reasons
from trainer.dataset.invalid import DataInvalid
from trainer.experiment.experiment import Experiment, ExperimentInvalid, parse
from trainer.reasons import reason_of, says_everything


def experiment(**overrides: object) -> Experiment:
    content = {"model": {"class_path": "a.B"}, "data": {"image_size": 64, "batch_size": 256, "num_workers": 4}}
    return parse(content, {name.replace("__", "."): value for name, value in overrides.items()})


GPU = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.10 GiB of which 1.32 GiB is"
    " free.\nProcess 12 has 77.00 GiB memory in use."
)
IN_LOADER = (
    "Caught MemoryError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\nMemoryError"
)


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (
            torch.cuda.OutOfMemoryError(GPU),
            [
                "out of memory on the GPU (tried to allocate 2.00 GiB) with batches of 256 images of 64x64 pixels",
                "bf16",
            ],
        ),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)."), ["on the GPU with batches of 256", "bf16"]),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), ["on the GPU with batches of 256"]),
        (MemoryError(), ["on the machine with batches of 256", "lower data.num_workers"]),
        (MemoryError(IN_LOADER), ["on the machine with batches of 256"]),
        (MemoryError("Unable to allocate 30.0 GiB for an array"), ["on the machine (tried to allocate 30.0 GiB) with"]),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), ["on the machine with batches"]),
    ],
)
def test_out_of_memory_names_the_batch_and_what_to_change(error: Exception, parts: list[str]) -> None:
    reason = reason_of(error, experiment())
    assert reason.startswith("out of memory on the ")
    for part in [*parts, "lower data.batch_size", "trainer.accumulate_batches", "data.image_size"]:
        assert part in reason
    assert not says_everything(error)


def test_the_reason_advises_only_changes_that_help() -> None:
    chosen = experiment(trainer__precision="bf16", data__num_workers=0)
    assert "precision" not in reason_of(torch.cuda.OutOfMemoryError(GPU), chosen)
    assert "num_workers" not in reason_of(MemoryError(), chosen)


def test_a_real_out_of_memory_error_is_recognised() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**60, dtype=torch.uint8)
    assert reason_of(raised.value, experiment()).startswith(
        "out of memory on the machine (tried to allocate 1073741824.00 GiB) with batches of 256 images"
    )
    assert reason_of(raised.value, None) == "out of memory on the machine (tried to allocate 1073741824.00 GiB)"


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's"),
            ["/dev/shm", "data.num_workers", "--shm-size"],
        ),
        (
            RuntimeError("unable to write to file </torch_7_1_0>: No space left on device (28)"),
            ["/dev/shm", "data.num_workers", "--shm-size"],
        ),
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "),
            ["loader process was killed", "data.num_workers", "data.batch_size"],
        ),
        (
            FileNotFoundError(2, "No usable temporary directory found in ['/tmp']"),
            ["TMPDIR"],
        ),
        (
            RuntimeError("DataLoader timed out after 1800.0 seconds"),
            ["30 minutes", "data.num_workers"],
        ),
        (OSError(errno.EMFILE, "Too many open files"), ["open files", "ulimit -n"]),
        (RuntimeError("received 0 items of ancdata: Too many open files"), ["open files", "ulimit -n"]),
        (OSError(errno.ENOSPC, "No space left on device"), ["no space left on device"]),
        (OSError(errno.ENOSPC, "No space left on device", "/data/a/b.ckpt"), ["no space left on device: /data/a"]),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "/data/a/b.ckpt"), ["no space left on device: /data/a"]),
        (RuntimeError("Expected\n  all tensors"), ["RuntimeError: Expected"]),
        (ValueError(), ["ValueError"]),
    ],
)
def test_a_common_error_says_what_to_change(error: Exception, parts: list[str]) -> None:
    reason = reason_of(error, experiment())
    assert not [part for part in parts if part not in reason]


def test_an_error_caused_by_a_memory_error_is_out_of_memory() -> None:
    error = ExperimentInvalid({"model.config": ["cannot be built"]})
    error.__cause__ = MemoryError()
    reason = reason_of(error, experiment())
    assert "out of memory on the machine" in reason
    assert "network" in reason
    assert not says_everything(error)


def test_our_own_message_is_the_whole_reason() -> None:
    for error in (ExperimentInvalid({"seed": ["must be 1"]}), DataInvalid("no images")):
        assert reason_of(error, None) == str(error)
        assert says_everything(error)


def test_the_reason_names_the_line_in_the_users_code() -> None:
    with pytest.raises(KeyError) as raised:
        {}["missing"]
    line = raised.traceback[-1].lineno + 1
    assert reason_of(raised.value, None) == f"KeyError: 'missing' (test_reasons.py, line {line})"
    with pytest.raises(ValueError) as in_library:  # noqa: PT011 - we do not test torch's message
        torch.distributions.Normal(0.0, -1.0)
    assert "(test_reasons.py, line " in reason_of(in_library.value, None)


def test_code_in_a_folder_whose_name_begins_like_the_trainers_is_the_users() -> None:
    path = os.path.join(os.path.dirname(reasons.__file__) + "_networks", "mine.py")
    with pytest.raises(ZeroDivisionError) as raised:
        exec(compile("\n1 / 0", path, "exec"), {})
    assert reason_of(raised.value, None).endswith(" (mine.py, line 2)")
