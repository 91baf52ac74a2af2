"""Find the code that a command line hands to an interpreter, as in `sh -c CODE`. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Sequence

_INTERPRETERS = (
    (re.compile(r"(ba|da|z|k|mk|fi|a)?sh|python[0-9.]*"), re.compile(r"-[a-zA-Z]*c")),
    (re.compile(r"perl|ruby|node|Rscript"), re.compile(r"-[a-zA-Z]*e|--eval")),
)
"""Names of programs, and the option before their code."""
_TAKES_VALUE = re.compile(r"[-+][a-zA-Z]*[oO]|-[WX]|--rcfile|--init-file")
"""Other options of theirs with a value in the next argument, such as `bash -eo pipefail`."""


def inline_code(argv: Sequence[str]) -> list[str]:
    """Return the arguments that an interpreter executes. It may stand behind other programs: `env A=1 sh -c CODE`.

    An interpreter takes options only before the name of a script: in `python3 train.py -c FILE` nothing is code.
    """
    found = (_code(argv[index + 1 :], option) for index, option in _interpreters(argv))
    return [code for code in found if code is not None]


def _interpreters(argv: Sequence[str]) -> list[tuple[int, re.Pattern[str]]]:
    names = [text.rpartition("/")[2] for text in argv]
    return [(i, option) for i, name in enumerate(names) for each, option in _INTERPRETERS if each.fullmatch(name)]


def _code(arguments: Sequence[str], option: re.Pattern[str]) -> str | None:
    rest = iter(arguments)
    for argument in rest:
        if option.fullmatch(argument):
            return next(rest, None)
        if not argument.startswith(("-", "+")):
            return None
        if _TAKES_VALUE.fullmatch(argument):
            next(rest, None)
    return None
