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
"""Options that the service sets itself, or that would give a run several jobs."""
_TIME = re.compile(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", re.ASCII)
_GPU_OPTIONS = ("--gpus", "-G", "--gpus-per-node", "--gpus-per-socket", "--gpus-per-task")


class InvalidOptions(ValueError):
    """The operator's options cannot be used. The message says what would be right."""


def parse(text: str) -> tuple[str, ...]:
    """Split the options as a shell does. Raises InvalidOptions."""
    try:
        options = shlex.split(text)
    except ValueError as error:
        raise InvalidOptions(f"must be options of sbatch as in a shell: {error}") from error
    for option in options:
        if any(_means(option, name) for name in OURS):
            raise InvalidOptions(f"must not have {option.partition('=')[0]}, which the service sets itself")
    if options and not options[0].startswith("-"):
        raise InvalidOptions("must be options of sbatch, such as --partition=gpu --time=2-00:00:00")
    return tuple(options)


def for_gpus(options: Sequence[str], gpus: int | None) -> list[str]:
    """Return the options for a number of GPUs of the operator's type. None: as many as the operator's options say."""
    if gpus is None:
        return list(options)
    counts, others = _take(_GPU_OPTIONS, options)
    gres, others = _take(("--gres",), others)
    resources = [each.partition(":") for each in ",".join(gres[-1:]).split(",")]
    asked = [*counts, *(amount for name, _, amount in resources if name == "gpu")]  # Such as 2, a100 or a100:2.
    types = [kind for each in asked if (kind := each.partition(":")[0]) and not kind.isdecimal()]
    wanted = ["".join(each) for each in resources if each[0] not in ("", "none", "gpu")]
    wanted += [":".join(["gpu", *types[-1:], str(gpus)])] if gpus else []
    return [*others, f"--gres={','.join(wanted) or 'none'}"]


def seconds(limit: str) -> float:
    """Return a time limit as SLURM writes it, in seconds. Infinite if it has no such form."""
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
    """Return the last value of an option with one of the names."""
    values, _ = _take(names, options)
    return values[-1] if values else None


def _take(names: Sequence[str], options: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the values of an option with one of the names, and all other options.

    A value is written as `--name=value`, `--name value`, `-nvalue` or `-n value`.
    """
    values, others, following = [], [], iter(options)
    for option in following:
        name = next((each for each in names if _has_name(option, each)), None)
        if name is None:
            others.append(option)
        elif option == name:
            values.append(next(following, ""))
        else:
            values.append(option.removeprefix(name).removeprefix("="))
    return values, others


def _means(option: str, name: str) -> bool:
    """Whether sbatch takes the option for the one with this name. A long name may be abbreviated."""
    given = option.partition("=")[0]
    return _has_name(option, name) or (given.startswith("--") and name.startswith(given))


def _has_name(option: str, name: str) -> bool:
    return option.startswith(f"{name}=" if name.startswith("--") else name) or option == name
