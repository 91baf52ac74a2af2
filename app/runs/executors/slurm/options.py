"""The options of sbatch: those of the operator (TRAINING_SLURM_OPTIONS), and ours."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

OURS = frozenset(
    {
        *("--parsable", "--no-requeue", "--requeue", "--array", "-a", "--wait", "-W", "--wrap", "--signal"),
        *("--job-name", "-J", "--chdir", "-D", "--export", "--export-file", "--open-mode"),
        *("--input", "-i", "--output", "-o", "--error", "-e"),
    }
)
"""What the service sets, or what would give a run several jobs."""
_TIME = re.compile(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", re.ASCII)
_GRES = re.compile(r"--gres=(?P<name>gpu(?::[A-Za-z]\w*)?)(?::\d+)?")


class InvalidOptions(ValueError):
    """The operator's options cannot be used. The message says what would be right."""


def parse(text: str) -> tuple[str, ...]:
    """Split the options as a shell does. Raises InvalidOptions."""
    try:
        options = shlex.split(text)
    except ValueError as error:
        raise InvalidOptions(f"must be options of sbatch as in a shell: {error}") from error
    for option in options:
        if option.partition("=")[0] in OURS:
            raise InvalidOptions(f"must not have {option.partition('=')[0]}, which the service sets itself")
    if options and not options[0].startswith("-"):
        raise InvalidOptions("must be options of sbatch, such as --partition=gpu --time=2-00:00:00")
    return tuple(options)


def for_gpus(options: Sequence[str], gpus: int | None) -> list[str]:
    """Return the option for a number of GPUs of the operator's type. None: as many as the operator's options say."""
    if gpus is None:
        return []
    types = [match["name"] for option in options if (match := _GRES.fullmatch(option))]
    return [f"--gres={types[-1] if types else 'gpu'}:{gpus}" if gpus else "--gres=none"]


def seconds(limit: str) -> float:
    """Return a time limit as SLURM writes it, in seconds. Infinite if there is none, or if we do not understand it."""
    if (match := _TIME.fullmatch(limit)) is None:
        return float("inf")
    days, *parts = match.groups(default="")
    numbers = [int(part) for part in parts if part]
    if days:
        hours, minutes, rest = [*numbers, 0, 0][:3]
    else:
        hours, minutes, rest = numbers if len(numbers) == 3 else [0, *numbers, 0][:3]
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + rest


def time_limit(options: Sequence[str], partitions: str) -> str:
    """Find the time limit of a job with these options. `partitions` is what `sinfo --format=%P|%l|%L` prints."""
    if (asked := _value_of(("--time", "-t"), options)) is not None:
        return asked
    wanted = _value_of(("--partition", "-p"), options)
    limits = []
    for line in partitions.splitlines():
        name, longest, default = line.split("|")
        if name.removesuffix("*") in wanted.split(",") if wanted is not None else name.endswith("*"):
            limits.append(longest if default == "n/a" else default)
    return min(limits, key=seconds, default="infinite")


def _value_of(names: Sequence[str], options: Sequence[str]) -> str | None:
    """Return the value of the last of some options: `--name=value`, `--name value`, `-nvalue` or `-n value`."""
    value = None
    for option, following in zip(options, [*options[1:], ""]):
        for name in names:
            if option == name:
                value = following
            elif option.startswith(f"{name}="):
                value = option.removeprefix(f"{name}=")
            elif not name.startswith("--") and option.startswith(name):
                value = option.removeprefix(name)
    return value
