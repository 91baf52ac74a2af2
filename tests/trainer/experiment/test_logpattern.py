from __future__ import annotations

import threading
import time

import pytest

from trainer.experiment.logpattern import LogPattern, PatternInvalid


def test_named_groups_become_metrics() -> None:
    pattern = LogPattern(r"Train Epoch: (?P<epoch>\d+) .*Loss: (?P<train_loss>[\d.]+)")
    line = b"Train Epoch: 1 [640/2560 (25%)]\tLoss: 1.600000"
    assert pattern.match(line) == {"epoch": "1", "train/loss": "1.600000"}
    assert pattern.match(b"Test set: Average loss: 0.5") == {}


@pytest.mark.parametrize(
    ("group", "column"),
    [
        *(("val_acc", "val/acc"), ("test_top_1", "test/top_1"), ("step", "step"), ("eval_loss", "eval_loss")),
        *(
            ("Epoch", "epoch"),
            ("train", "train"),
            ("train_", "train_"),
            ("training_loss", "training_loss"),
            ("größe", "größe"),
        ),
    ],
)
def test_the_part_of_the_data_comes_before_a_slash(group: str, column: str) -> None:
    assert LogPattern(rf"x=(?P<{group}>\d+)").match(b"x=1") == {column: "1"}


def test_a_group_without_text_is_no_metric() -> None:
    pattern = LogPattern(r"loss=(?P<loss>[\d.]+)(?: acc=(?P<acc>[\d.]*))?")
    assert pattern.match(b"loss=1 acc=0.5") == {"loss": "1", "acc": "0.5"}
    assert pattern.match(b"loss=1 acc=") == pattern.match(b"loss=1") == {"loss": "1"}


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (r"loss (?P<loss>\d+)(?= lr)", "Match the text around the group"),
        (r"(?<!val )loss (?P<loss>\d+)", "Match the text around the group"),
        (r"(?P<a>\d)(?P=a)", "refer to an earlier group"),
        (r"(?P<a>\d)\1", "refer to an earlier group"),
        (r"(?P<a>\d+)\Z", "Write $"),
        (r"(?P<a>\d++)", "No pattern backtracks"),
        (r"(?P<a>\d+)(?#digits)", "comments"),
        (r"(?P<a>\d+", r"Write \( for"),
        (r"loss) (?P<a>\d+)", r"Write \) for"),
        (r"[loss (?P<a>\d+)", r"Write \[ for"),
        (r"(?P<a>\d{1,2000})", "Write + or *"),
        (r"(?P<a>(.{1,30}){1,30})y", "is too large"),
        (r"(?P<a>" + "|".join(f"{letter}.{{0,990}}" for letter in "abcdefghijklmnopqrstuvwxyz") + ")", "is too large"),
        (r"(?P<train/loss>\d+)", "letters, digits and _"),
        (r"loss (\d+)", "has no named group"),
        (r"(?P<a>\d+)|x(?P<a>\d+)", "names the group a twice"),
        (r"(?P<a>\d*)", "Write + instead of *"),
        ("(?P<a>\ud800)", "Write the character itself"),
        (r"(?P<a>\p{Letter}+)", "is not a regular expression"),
    ],
)
def test_a_pattern_that_cannot_work_says_what_would_be_right(text: str, right: str) -> None:
    with pytest.raises(PatternInvalid) as refused:
        LogPattern(text)
    assert right in str(refused.value)


def test_a_name_in_escaped_parentheses_is_no_group() -> None:
    assert LogPattern(r"(?P<a>\d)\(?P<a>").match(b"1(P<a>") == {"a": "1"}


@pytest.mark.parametrize("text", [r"(?P<a>(x+x+)+)y", r"(?P<a>(x|xx)+)+$y", r"(?P<a>x{1,30}.*.*.*.*=)"])
def test_no_pattern_backtracks(text: str) -> None:
    assert LogPattern(text).match(b"x" * 8192) == {}


def test_other_threads_go_on_while_a_large_pattern_matches() -> None:
    pattern, times, is_done = LogPattern(r"(?P<a>(x{1,40}){1,10})y"), [], threading.Event()
    thread = threading.Thread(target=lambda: (pattern.match(b"x" * 50_000), is_done.set()))
    thread.start()
    while not is_done.wait(0.001):
        times.append(time.monotonic())
    thread.join()
    assert len(times) > 5


@pytest.mark.parametrize(
    ("text", "is_there"),
    [
        *((r"^b=(?P<b>\d)$", True), (r"^=(?P<b>\d)", False), (r"\Ab=(?P<b>\d)\z", True), (r"(?-m)^b=(?P<b>\d)", True)),
        *((r"(?i)^B=(?P<b>\d)", True), (r"c=(?P<b>\d)", False)),
    ],
)
def test_a_pattern_may_match_one_of_many_lines(text: str, is_there: bool) -> None:
    assert LogPattern(text).may_match(b"a=1\nb=2\nd=3\n") is is_there
