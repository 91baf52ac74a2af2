"""The code among the arguments of a command."""

from __future__ import annotations

import pytest

from trainer.experiment.inline_code import inline_code


@pytest.mark.parametrize(
    "line",
    [
        "sh -c CODE",
        "/bin/bash -lc CODE name",
        "bash -l -e -c CODE",
        "bash -euo pipefail -c CODE",
        "bash --rcfile f +O extglob -c CODE",
        "env A=1 sh -c CODE",
        "timeout 10 nice -n 5 zsh -c CODE",
        "python3.11 -u -W ignore -c CODE",
        ".venv/bin/python -Xdev -c CODE",
        "perl -ne CODE",
        "node --eval CODE",
    ],
)
def test_code_is_found_behind_its_option(line: str) -> None:
    assert inline_code(line.split()) == ["CODE"]


@pytest.mark.parametrize(
    "line",
    [
        "train -c FILE",
        "python3 train.py -c FILE",
        "sh train.sh -c FILE",
        "sh -e train.sh",
        "python3 -m train -c FILE",
        "env python3 train.py -c FILE",
        "sh -c",
        "perl -w train.pl -e 3",
    ],
)
def test_the_options_of_a_script_are_not_code(line: str) -> None:
    assert inline_code(line.split()) == []
