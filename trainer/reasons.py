"""Explain an exception that ended a training in one sentence that says what to change. No torch.

This recognises the exceptions of torch and other libraries by name and text, because their import takes seconds.
"""

from __future__ import annotations

import errno
import os
import re
import sysconfig
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from trainer.experiment.experiment import Experiment
from trainer.network.weights import describe_load_error
from trainer.runner import verdict

PLAIN = frozenset(
    {"ExperimentInvalid", "DataInvalid", "ResumeImpossible", "RunDirInUse", "NotFinite", "ManifestInvalid"}
)
"""Our exceptions whose message is the reason."""

DEVICE, MACHINE = "the GPU", "the machine"

_DEVICE_MEMORY = re.compile(r"(CUDA|MPS backend|HIP) out of memory|CUDA error: out of memory|_ALLOC_FAILED")
_MEMORY = re.compile(r"can't allocate memory|Cannot allocate memory|not enough memory|std::bad_alloc")
_SHARED_MEMORY = re.compile(r"killed by signal: Bus error|</?torch_\S*>.*No space left on device|out of shared memory")
_LONG_SOCKET_PATH = "AF_UNIX path too long"
_NO_TEMPORARY_FOLDER = "No usable temporary directory"
_SILENT_LOADER = re.compile(r"DataLoader timed out after (\d+)")
_KILLED_LOADER = re.compile(r"DataLoader worker .*killed by signal: Killed")
_TRIED = re.compile(r"(?:ried to|nable to) allocate ([\d.]+ \w+)")


def reason_of(error: BaseException, experiment: Experiment | None, folders: Sequence[Path] = ()) -> str:
    """Return the reason in one line.

    `experiment` is None if it could not be loaded. `folders` are the folders that the training writes to. The reason
    names the full one.
    """
    causes = list(_causes(error))
    texts = [str(each) for each in causes]
    if any(_SHARED_MEMORY.search(text) for text in texts):
        return (
            "the loader processes have used up the shared memory (/dev/shm): set data.num_workers to 0 or enlarge it"
            " (docker run --shm-size)"
        )
    if any(_LONG_SOCKET_PATH in text for text in texts):
        return (
            f"the path of the temporary folder is too long for the loader processes' sockets: {tempfile.gettempdir()};"
            " set TMPDIR to a shorter one or data.num_workers to 0"
        )
    if any(_NO_TEMPORARY_FOLDER in text for text in texts):
        return "there is no folder for temporary files: set TMPDIR to a writable folder"
    if silent := next((match for text in texts if (match := _SILENT_LOADER.search(text))), None):
        return f"no loader process delivered a batch for {int(silent[1]) // 60} minutes: set data.num_workers to 0"
    if any(_KILLED_LOADER.search(text) for text in texts):
        return "a loader process was killed, probably because memory ran out: lower data.num_workers or data.batch_size"
    if any(_errno(each) == errno.EMFILE for each in causes) or any("Too many open files" in text for text in texts):
        return "too many open files: raise the limit (ulimit -n) or lower data.num_workers"
    full = next((each for each in causes if _errno(each) in (errno.ENOSPC, errno.EDQUOT)), None)
    if full is not None:
        return _no_space(full, folders)
    memory = next((place for each in causes if (place := _exhausted(each))), None)
    if memory is not None:
        return _out_of_memory(memory, causes, experiment)
    return _in_its_own_words(error)


def _no_space(error: BaseException, folders: Sequence[Path]) -> str:
    """Name the folder of the file, else the fullest of `folders`."""
    named = getattr(error, "filename", None)
    if named:
        return f"{verdict.NO_SPACE}: {Path(os.fsdecode(named)).parent}"
    return f"{verdict.NO_SPACE}: {verdict.fullest(folders)}" if folders else verdict.NO_SPACE


def says_everything(error: BaseException) -> bool:
    """Whether the reason needs no traceback. An error in the code of a custom network needs one."""
    cause = error.__cause__
    is_readers = cause is None or type(cause).__name__ in ("YamlInvalid", "ValidationError")
    return bool(_names(error) & PLAIN) and (is_readers or "ExperimentInvalid" not in _names(error))


def _in_its_own_words(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [""]
    # torch wraps an error of a loader process. The last line holds the type and the message.
    message = lines[0] if not lines[0].startswith("Caught ") else lines[-1].partition(": ")[2]
    message = " ".join(message.split())
    if "ExportFailed" in _names(error):
        return f"export: {message}{_place(error)}"
    if _names(error) & PLAIN:
        return message
    if "UnpicklingError" in _names(error):
        message = describe_load_error(error)
    return f"{type(error).__name__}: {message}".removesuffix(": ") + _place(error)


def _place(error: BaseException) -> str:
    """Return the place in the user's own code, such as " (my_networks.py, line 7)". Empty for other code."""
    frames = [
        (frame.f_code.co_filename, line)
        for each in _causes(error)
        for frame, line in traceback.walk_tb(each.__traceback__)
    ]
    libraries = [os.path.join(folder, "") for folder in (os.path.dirname(__file__), *sysconfig.get_paths().values())]
    own = [(file, line) for file, line in frames if not file.startswith((*libraries, "<"))]
    return f" ({os.path.basename(own[-1][0])}, line {own[-1][1]})" if own else ""


def _out_of_memory(memory: str, causes: list[BaseException], experiment: Experiment | None) -> str:
    tried = next((match for each in causes if (match := _TRIED.search(str(each)))), None)
    said = f"out of memory on {memory}" + (f" (tried to allocate {_amount(tried[1])})" if tried else "")
    if experiment is None:
        return said
    if any("ExperimentInvalid" in _names(each) for each in causes):
        return f"{said} while building the network: choose a smaller one"
    data, chosen = experiment.data, experiment.trainer
    side = "" if data.image_size is None else f" of {data.image_size}x{data.image_size} pixels"
    advice = "lower data.batch_size (a larger trainer.accumulate_batches keeps the images per step)"
    if memory == DEVICE and chosen.precision == "32":
        advice += ", set trainer.precision to bf16"
    if memory == MACHINE and data.num_workers:
        advice += ", lower data.num_workers"
    advice += ", lower data.image_size or choose a smaller network"
    return f"{said} with batches of {data.batch_size} images{side}: {advice}"


def _amount(text: str) -> str:
    """Write `4608000000 bytes` as `4.29 GiB`. Keep amounts in other units."""
    number, _, unit = text.partition(" ")
    return f"{int(number) / 2**30:.2f} GiB" if unit == "bytes" else text


def _exhausted(error: BaseException) -> str | None:
    """Return which memory the error says is used up. None for other errors."""
    if "OutOfMemoryError" in _names(error) or _DEVICE_MEMORY.search(str(error)):
        return DEVICE
    if isinstance(error, MemoryError) or _errno(error) == errno.ENOMEM or _MEMORY.search(str(error)):
        return MACHINE
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its causes, nearest first."""
    seen: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and not any(each is one for one in seen):
        seen.append(each)
        yield each
        each = each.__cause__ or each.__context__


def _names(error: BaseException) -> set[str]:
    return {each.__name__ for each in type(error).__mro__}


def _errno(error: BaseException) -> int | None:
    return error.errno if isinstance(error, OSError) else None
