"""The options of sbatch."""

from __future__ import annotations

import pytest

from app.runs.executors.slurm.options import InvalidOptions, for_gpus, parse, seconds, time_limit

PARTITIONS = "gpu*|infinite|n/a\nshort|1:00|n/a\nlong|7-00:00:00|1:00:00\n"


def test_options_are_split_as_in_a_shell() -> None:
    assert parse("--partition=gpu --comment='for us' -t 5 --exclusive") == (
        *("--partition=gpu", "--comment=for us", "-t", "5", "--exclusive"),
    )
    assert parse("") == ()


@pytest.mark.parametrize(
    "text",
    [
        *("--array=1-9", "--arr=1-9", "-a1-9", "-J x", "-Jx", "--export ALL", "--signal=B:USR1@9"),
        *("job.sh", "-- job.sh", "--comment='"),
    ],
)
def test_options_that_would_break_a_run_are_refused(text: str) -> None:
    with pytest.raises(InvalidOptions, match=r"^must "):
        parse(text)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("5", 300),
        ("1:00", 60),
        ("2:00:01", 7201),
        ("1-0", 86400),
        ("1-02:03", 93780),
        ("1-02:03:04", 93784),
        ("infinite", float("inf")),
        ("UNLIMITED", float("inf")),
        ("", float("inf")),
    ],
)
def test_time_limits_are_read_as_slurm_writes_them(limit: str, expected: float) -> None:
    assert seconds(limit) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "infinite"),
        (["--partition=short"], "1:00"),
        (["-p", "short"], "1:00"),
        (["-pshort"], "1:00"),
        (["--partition=long"], "1:00:00"),
        (["--partition=gpu,short"], "1:00"),
        (["--partition=short", "--time=30"], "30"),
        (["-t30"], "30"),
        (["--time", "1-0", "--time=2-0"], "2-0"),
        (["--partition=unknown"], "infinite"),
    ],
)
def test_the_time_limit_is_the_one_asked_for_or_the_partitions(options: list[str], expected: str) -> None:
    assert time_limit(options, PARTITIONS) == expected


@pytest.mark.parametrize(
    ("options", "gpus", "expected"),
    [
        ([], None, []),
        (["--gres=gpu:a100:1", "--hold"], None, ["--gres=gpu:a100:1", "--hold"]),
        (["--hold"], 2, ["--hold", "--gres=gpu:2"]),
        (["--gres=gpu:1", "--hold"], 2, ["--hold", "--gres=gpu:2"]),
        (["--gres", "gpu:a100:1"], 2, ["--gres=gpu:a100:2"]),
        (["--gres=gpu:a100"], 2, ["--gres=gpu:a100:2"]),
        (["--gres=gpu:a100:1,scratch:100"], 2, ["--gres=scratch:100,gpu:a100:2"]),
        (["--gpus=a100:1", "--gpus-per-task=1"], 2, ["--gres=gpu:a100:2"]),
        (["-G", "1", "-Ga100:1"], 2, ["--gres=gpu:a100:2"]),
        (["--gpus-per-node=1", "--gpu-bind=none"], 0, ["--gpu-bind=none", "--gres=none"]),
        (["--gres=none"], 1, ["--gres=gpu:1"]),
        (["--gres=scratch:100,gpu:1"], 0, ["--gres=scratch:100"]),
    ],
)
def test_gpus_are_of_the_operators_type(options: list[str], gpus: int | None, expected: list[str]) -> None:
    assert for_gpus(options, gpus) == expected
