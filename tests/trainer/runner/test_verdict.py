"""The verdict on a run, from its exit code and its files."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from trainer.rundir import RunDir
from trainer.runner.verdict import NO_SPACE, TERMINATED, Ending, judge, log_tail, reason_in_log, signal_name

STOP: dict[str, Any] = {"mode": "save"}


@pytest.mark.parametrize(
    ("ending", "stop", "has_result", "needs_result", "expected"),
    [
        (Ending(0), None, True, True, ("completed", None)),
        (Ending(0), None, False, False, ("completed", None)),
        (Ending(-11), None, True, True, ("completed", None)),
        (Ending(143), STOP, True, True, ("completed", None)),
        (Ending(0), STOP, False, True, ("stopped", None)),
        (Ending(0), STOP, False, False, ("stopped", None)),
        (Ending(143), STOP, False, True, ("stopped", None)),
        (Ending(-signal.SIGTERM), STOP, False, False, ("stopped", "ended by SIGTERM")),
        (Ending(-signal.SIGINT, stop_signal=signal.SIGINT), STOP, False, False, ("stopped", "ended by SIGINT")),
        (Ending(-signal.SIGTERM, did_another_exit_well=True), STOP, False, False, ("stopped", None)),
        (Ending(-signal.SIGINT), STOP, False, False, ("stopped", "killed by SIGINT")),
        (Ending(128 + signal.SIGUSR1, stop_signal=signal.SIGUSR1), STOP, False, False, ("stopped", None)),
        (Ending(0), {}, False, False, ("stopped", None)),
        (Ending(3), STOP, False, True, ("stopped", "exit code 3")),
        (
            Ending(-9, was_killed_after_grace_s=1.5),
            STOP,
            False,
            True,
            ("stopped", "program did not exit within 1.5 s"),
        ),
        (
            Ending(-signal.SIGTERM, was_killed_after_grace_s=2),
            STOP,
            False,
            False,
            ("stopped", "process that the program started did not exit within 2 s"),
        ),
        (Ending(3), None, False, True, ("failed", "exit code 3")),
        (Ending(3), None, False, False, ("failed", "exit code 3")),
        (Ending(-9), None, False, True, ("failed", "killed by SIGKILL")),
        (Ending(-9, is_out_of_memory=True), None, False, False, ("failed", "killed by SIGKILL (out of memory)")),
        (
            Ending(-9, is_out_of_memory=True),
            None,
            False,
            True,
            ("failed", "killed by SIGKILL (out of memory): lower data.num_workers or data.batch_size"),
        ),
        (Ending(-11), None, False, False, ("failed", "killed by SIGSEGV")),
    ],
)
def test_the_verdict_follows_from_exit_code_stop_and_result(
    tmp_path: Path,
    ending: Ending,
    stop: dict[str, Any] | None,
    has_result: bool,
    needs_result: bool,
    expected: tuple[str, str | None],
) -> None:
    run = RunDir(tmp_path)
    if has_result:
        run.result.write_text("{}")
    state, reason = judge(run, ending, stop, needs_result)
    assert (state, reason is None) == (expected[0], expected[1] is None)
    assert (expected[1] or "") in (reason or "")


def test_exit_code_0_without_a_required_result_is_a_failure(tmp_path: Path) -> None:
    state, reason = judge(RunDir(tmp_path), Ending(0), None, needs_result=True)
    assert state == "failed"
    assert reason is not None
    assert "no result.json" in reason


@pytest.mark.parametrize("needs_result", [True, False])
@pytest.mark.parametrize("code", [0, 143, -15, -9])
def test_a_termination_without_a_stop_request_is_an_interruption(tmp_path: Path, code: int, needs_result: bool) -> None:
    assert judge(RunDir(tmp_path), Ending(code, termination=TERMINATED), None, needs_result)[0] == "interrupted"


CHAINED = """\
Traceback (most recent call last):
  File "a.py", line 1, in <module>
KeyError: 'first'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB
some library's last words
"""


@pytest.mark.parametrize(
    ("text", "exit_code", "reason"),
    [
        ("", 1, None),
        ("epoch 1\nerror: no such class\n", 2, "no such class"),
        ("error: not the last line\nend\n", 1, None),
        (CHAINED, 1, "OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"),
        (CHAINED, 3, None),
        ("Traceback (most recent call last):\n  File\nKeyboardInterrupt\n", 1, "KeyboardInterrupt"),
        ("Traceback (most recent call last):\n  cut short", 1, None),
        ("[rank0]: Traceback (most recent call last):\n[rank0]:   x\n[rank0]: OSError: gone\n", 1, "OSError: gone"),
        (
            "50%|##  | 1/2 [00:01]Traceback (most recent call last):\n  x\nValueError: no data\n",
            1,
            "ValueError: no data",
        ),
    ],
)
def test_the_reason_is_read_from_the_log(text: str, exit_code: int, reason: str | None) -> None:
    assert reason_in_log(text, exit_code) == reason


def test_a_full_disk_is_reported_and_a_long_reason_is_cut(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    run.log.write_text("Traceback (most recent call last):\n  x\nOSError: [Errno 28] No space left on device: 'x'\n")
    assert judge(run, Ending(1), None, True) == ("failed", f"{NO_SPACE}: x")
    run.log.write_text("Traceback (most recent call last):\n  x\nValueError: " + "x" * 10_000 + "\n")
    reason = judge(run, Ending(1), None, True)[1]
    assert reason is not None
    assert len(reason) == 500


def test_only_the_end_of_a_huge_log_is_read(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_bytes(b"\xff" * 10**6 + b"end")
    assert len(log_tail(log)) == 64 * 1024
    assert log_tail(log).endswith("end")
    assert log_tail(tmp_path / "missing") == ""


def test_signal_name_falls_back_to_the_number() -> None:
    assert signal_name(9) == "SIGKILL"
    assert signal_name(63) == "signal 63"
