"""Collect with a process that is killed (SIGKILL) before its N-th line of Python, for each N: collect_killed.py FOLDER.

Each time another process goes on. Prints as JSON how many processes were killed, and every table that is not what one
process would have collected, or that a reader took for another attempt.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from app.runs.collect import collector, jsonlines, table
from app.runs.metrics.tail import MetricsTail
from trainer.runfile import RunFile

TRACED = {collector.__file__, table.__file__}
STAGES = [
    ("w", '{"epoch": 0, "loss": 0.5}\n'),
    ("a", '{"epoch": 2, "loss": 0.125}\n{"epoch"'),
    ("a", ': 3, "loss": 0.5, "val/acc": 0.75}\n'),
    ("w", '{"epoch": 0, "loss": 7' + " " * 200 + "}\n"),
]
"""What the program writes: a row, another row and a half, a column that appears late, and another attempt."""


def collect(folder: Path) -> None:
    source = jsonlines.JsonLines("metrics.jsonl", RunFile.alone(folder / "metrics.jsonl"))
    collector.Collector(folder).collect([source], is_final=False)


def killed(work: Callable[[], None], at_line: int) -> bool:
    """Run in a process that is killed at this line. Return whether it came that far."""
    pid = os.fork()
    if pid == 0:
        left = at_line

        def trace(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal left
            if frame.f_code.co_filename not in TRACED:
                return None
            left -= event == "line"
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def tables(folder: Path, at_line: int, stage: int) -> tuple[bool, list[tuple[str, int]]]:
    """Kill a process in one stage. Return whether it came to that line, and what each stage up to the next one left.

    That is the table, and how often a reader saw it begin again.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    was_killed, found, tail = False, [], MetricsTail()
    for number, (mode, text) in enumerate(STAGES[: stage + 2]):
        with open(folder / "metrics.jsonl", mode, encoding="utf-8") as file:
            file.write(text)
        if number == stage:
            was_killed = killed(lambda: collect(folder), at_line)
            list(tail.read_new(RunFile.alone(folder / "scraped.csv")))
        collect(folder)
        list(tail.read_new(RunFile.alone(folder / "scraped.csv")))
        found.append(((folder / "scraped.csv").read_text(), tail.num_restarts))
    return was_killed, found


def main() -> None:
    folder = Path(sys.argv[1])
    _, expected = tables(folder, 0, len(STAGES))
    num_killed, wrong = 0, []
    for stage in range(len(STAGES)):
        was_killed, at_line = True, 0
        while was_killed:
            at_line += 1
            was_killed, found = tables(folder, at_line, stage)
            num_killed += was_killed
            if found != expected[: stage + 2]:
                wrong.append((stage, at_line, found))
    print(json.dumps({"num_killed": num_killed, "expected": expected, "wrong": wrong}))


if __name__ == "__main__":
    main()
