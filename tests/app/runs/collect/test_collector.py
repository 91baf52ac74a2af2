"""The collector: every row once in scraped.csv, whatever happens to sources, processes and disk."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.runs.collect.collector import Collector
from app.runs.collect.jsonlines import JsonLines
from app.runs.metrics.tail import MetricsTail
from tests.servers import ROOT
from trainer.runfile import RunFile


class Program:
    """A program that writes JSON lines into a run's folder, and the table that is collected from them."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.folder = folder
        self.sources = [JsonLines(name, RunFile.alone(folder / name)) for name in names or ("metrics.jsonl",)]
        self.csv = folder / "scraped.csv"

    def write(self, text: str, name: str = "metrics.jsonl", mode: str = "a") -> None:
        with open(self.folder / name, mode, encoding="utf-8") as file:
            file.write(text)

    def collect(self, is_final: bool = False) -> list[str]:
        """Collect with a collector that knows nothing of earlier ones. Return the lines of the table."""
        collector = Collector(self.folder)
        while collector.collect(self.sources, is_final):
            pass
        assert not collector.problems
        return self.table()

    def table(self) -> list[str]:
        return self.csv.read_text(encoding="utf-8").splitlines() if self.csv.exists() else []


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_every_row_is_collected_once_in_order(program: Program) -> None:
    program.write("")
    assert program.collect() == []
    program.write('{"epoch": 0.5, "loss": 1.5}\n{"epoch": 1, "loss"')
    assert program.collect() == ["epoch,loss", "0.5,1.5"]
    program.write(": 2}\n")
    assert program.collect() == program.collect() == ["epoch,loss", "0.5,1.5", "1,2"]


def test_an_unfinished_last_line_counts_once_the_run_is_over(program: Program) -> None:
    program.write('{"loss": 1}\n{"loss": 2}')
    assert program.collect() == ["loss", "1"]
    assert program.collect(is_final=True) == program.collect(is_final=True) == ["loss", "1", "2"]


def test_a_column_that_appears_late_widens_the_table(program: Program) -> None:
    program.write('{"loss": 1}\n{"loss": 2}\n')
    program.collect()
    program.write('{"val": {"acc": 0.5, "by": {"class": 1}}}\n{"loss": 3}\n')
    assert program.collect() == ["loss,val/acc,val/by/class", "1,,", "2,,", ",0.5,1", "3,,"]


def test_a_reader_takes_a_wider_table_for_the_same_attempt(program: Program) -> None:
    tail, rows = MetricsTail(), []
    for text in ('{"loss": 1}\n', '{"loss": 2, "acc": 0.5}\n', '{"lr": 3}\n'):
        program.write(text)
        program.collect()
        rows += [row for chunk in tail.read_new(RunFile.alone(program.csv)) for row in chunk.rows]
    assert rows == [[1], [2, 0.5], [None, None, 3]]
    assert tail.num_restarts == 0


def test_a_source_that_was_started_again_begins_another_attempt(program: Program) -> None:
    tail = MetricsTail()
    program.write('{"epoch": 0, "loss": 1}\n{"epoch": 1, "loss": 2}\n')
    program.collect()
    list(tail.read_new(RunFile.alone(program.csv)))
    program.write('{"epoch": 0, "loss": 3}\n{"epoch": 1, "loss": 4}\n', mode="w")
    assert program.collect() == ["epoch,loss ", "0,3", "1,4"], "the length of the table tells it from the old one"
    list(tail.read_new(RunFile.alone(program.csv)))
    assert (tail.num_restarts, tail.num_rows, tail.columns) == (1, 2, ["epoch", "loss"])


def test_rows_of_a_source_that_was_deleted_stay(program: Program) -> None:
    program.write('{"loss": 1}\n')
    program.collect()
    (program.folder / "metrics.jsonl").unlink()
    assert program.collect() == ["loss", "1"]


def test_several_sources_share_the_table(tmp_path: Path) -> None:
    program = Program(tmp_path, "train.jsonl", "val.jsonl")
    program.write('{"epoch": 0, "loss": 1}\n', "train.jsonl")
    program.collect()
    program.write('{"epoch": 0, "acc": 0.5}\n', "val.jsonl")
    program.write('{"epoch": 1, "loss": 2}\n', "train.jsonl")
    assert program.collect() == ["epoch,loss,acc", "0,1,", "1,2,", "0,,0.5"]


def test_a_name_that_two_sources_use_gets_the_name_of_the_source(tmp_path: Path) -> None:
    program = Program(tmp_path, "train.jsonl", "logs/val.jsonl")
    (tmp_path / "logs").mkdir()
    program.write('{"epoch": 0, "loss": 1, "lr": 2}\n', "train.jsonl")
    assert program.collect() == ["epoch,loss,lr", "0,1,2"]
    program.write('{"epoch": 0, "loss": 3}\n', "logs/val.jsonl")
    expected = ["epoch,train/loss,lr,logs/val/loss", "0,1,2,", "0,,,3"]
    assert program.collect() == program.collect() == expected
    program.write('{"epoch": 1, "loss": 4}\n', "train.jsonl")
    assert program.collect() == [*expected, "1,4,,"]


def test_lines_that_are_no_rows_are_skipped_and_said(program: Program) -> None:
    program.write('\ufeff{"loss": 1, "note": "a, \\"b\\"\\n c"}\n\n[1]\n{"event": "start"}\nrubbish\n{"loss": NaN}\n')
    program.write('{"loss": -Infinity, "is_best": true, "none": null, "list": [1]}\n')
    collector = Collector(program.folder)
    collector.collect(program.sources, is_final=False)
    assert program.table() == ["loss,note,is_best", '1,"a,  b  c",', "nan,,", "-inf,,true"]
    assert list(collector.problems) == ["metrics.jsonl"]
    assert "line 3" in collector.problems["metrics.jsonl"]


def test_a_source_that_cannot_be_read_is_said_and_keeps_the_others(tmp_path: Path) -> None:
    program = Program(tmp_path, "train.jsonl", "val.jsonl")
    (tmp_path / "train.jsonl").mkdir()
    program.write('{"acc": 0.5}\n', "val.jsonl")
    collector = Collector(tmp_path)
    collector.collect(program.sources, is_final=False)
    assert program.table() == ["acc", "0.5"]
    assert list(collector.problems) == ["train.jsonl"]


def test_only_one_process_collects_at_a_time(program: Program) -> None:
    program.write('{"loss": 1}\n')
    with open(program.folder / "scraped.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert Collector(program.folder).collect(program.sources, is_final=False)
        assert program.table() == []
    assert program.collect() == ["loss", "1"]


@contextmanager
def largest_file(num_bytes: int) -> Iterator[None]:
    """Let no file grow beyond this. Python then gets an error as on a full disk, after a part was written."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("is_wider", [False, True])
@pytest.mark.parametrize("num_bytes", [0, 300, 2_500])
def test_a_full_disk_is_said_and_nothing_is_doubled(program: Program, num_bytes: int, is_wider: bool) -> None:
    program.write("".join(f'{{"loss": {i}}}\n' for i in range(100)))
    program.collect()
    program.write("".join(f'{{"{"acc" if is_wider else "loss"}": {i}}}\n' for i in range(100, 1000)))
    collector = Collector(program.folder)
    with largest_file(num_bytes):
        collector.collect(program.sources, is_final=False)
    assert "cannot be written" in collector.problems["scraped.csv"]
    collector.collect(program.sources, is_final=False)
    assert collector.problems == {}
    blank = "," if is_wider else ""
    assert program.table()[1:101] == [f"{i}{blank}" for i in range(100)]
    assert program.table()[101:] == [f"{blank}{i}" for i in range(100, 1000)]


def test_the_table_goes_on_after_any_part_of_a_change(program: Program) -> None:
    """As after a crash within a write."""
    program.write('{"epoch": 0, "loss": 1}\n')
    before = program.collect()
    program.write('{"epoch": 1, "loss": 2}\n')
    expected = program.collect()
    text, state = program.csv.read_bytes(), (program.folder / "scraped.json").read_bytes()
    for length in range(len("\n".join(before)) + 1, len(text) + 1):
        program.csv.write_bytes(text[:length])
        (program.folder / "scraped.json").write_bytes(state)
        assert program.collect() == expected


@pytest.mark.parametrize("state", ["", "[]", "{}", '{"before": {"length": 3}, "after": {"length": 4, "x": 1}}', None])
def test_a_table_without_its_state_is_begun_again(program: Program, state: str | None) -> None:
    program.write('{"epoch": 0, "loss": 1}\n')
    program.collect()
    if state is None:
        (program.folder / "scraped.json").unlink()
    else:
        (program.folder / "scraped.json").write_text(state)
    assert [line.strip() for line in program.collect()] == ["epoch,loss", "0,1"]


@pytest.mark.parametrize(
    "state",
    [7, {"positions": 7}, {"positions": {"metrics.jsonl": []}}, {"owners": 7}, {"shared": 7},
     {"positions": {"metrics.jsonl": {"lines": 7}}}, {"positions": {"metrics.jsonl": {"lines": {"offset": 10**30}}}},
     {"positions": {"metrics.jsonl": {"lines": {"offset": 2}}}}, {"positions": {"metrics.jsonl": {"wrong": 7}}}],
)  # fmt: skip
def test_a_state_that_the_program_changed_is_forgotten(program: Program, state: object) -> None:
    program.write('{"epoch": 0, "loss": 1}\n')
    program.collect()
    version = {"length": program.csv.stat().st_size, "state": state}
    (program.folder / "scraped.json").write_text(json.dumps({"before": version, "after": version}))
    program.write('{"epoch": 1, "loss": 2}\n')
    assert [line.strip() for line in program.collect()] == ["epoch,loss", "0,1", "1,2"]


def test_a_table_that_somebody_changed_is_begun_again(program: Program) -> None:
    program.write('{"epoch": 0, "loss": 1}\n')
    program.collect()
    program.csv.write_text("epoch,loss\n0,1\n7,7\n")
    assert program.collect() == ["epoch,loss", "0,1"]


def test_the_table_follows_no_link_and_waits_for_no_pipe(program: Program, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("keep")
    for name in ("scraped.csv", ".scraped.csv", ".scraped.json"):
        (tmp_path / name).symlink_to(victim)
    os.mkfifo(tmp_path / "scraped.json")
    program.write('{"loss": 1}\n')
    program.collect()
    program.write('{"loss": 2, "acc": 1}\n')
    assert [line.strip() for line in program.collect()] == ["loss,acc", "1,", "2,1"]
    assert victim.read_text() == "keep"


def test_a_table_without_room_for_a_column_leaves_it_out_and_says_so(program: Program) -> None:
    program.write(json.dumps({f"{'x' * 190}{i}": i for i in range(3_000)}) + "\n")
    collector = Collector(program.folder)
    collector.collect(program.sources, is_final=False)
    assert 1_000 < len(program.table()[0].split(",")) == len(program.table()[1].split(",")) < 3_000
    assert "no room" in collector.problems["scraped.csv"]
    list((tail := MetricsTail()).read_new(RunFile.alone(program.csv)))
    assert (tail.problem, tail.num_rows) == (None, 1)


@pytest.mark.slow
def test_a_process_killed_at_any_line_loses_and_doubles_nothing(tmp_path: Path) -> None:
    program = ROOT / "tests" / "programs" / "collect_killed.py"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(program), str(tmp_path / "run")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert result["num_killed"] > 200
    wider = "epoch,loss,val/acc\n0,0.5,\n2,0.125,\n3,0.5,0.75\n"
    assert result["expected"][2:] == [[wider, 0], ["epoch,loss\n0,7\n", 1]]
    assert result["wrong"] == []
