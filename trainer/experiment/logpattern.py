"""Patterns that find metrics in the lines of a log.

A pattern is a regular expression of RE2, which takes time in proportion to the line whatever the pattern. Python's own
engine may take years for a pattern such as `(x+x+)+y`.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import re2

from trainer.dataset.splits import SPLITS

MAX_PROGRAM_SIZE = 1000
"""Instructions of a compiled pattern. RE2 may visit each of them for each byte: 0.1 s for a line of 8 KiB."""
MAX_MEMORY_BYTES = 1024 * 1024
"""For the compiled pattern and the states that RE2 caches."""

COUNTERS = ("epoch", "step")
"""Columns that say when a row was logged, in small or capital letters. All others are metrics."""

_REASONS = {
    "missing )": "has an opening parenthesis without a closing one. Write \\( for the character itself",
    "unexpected )": "has a closing parenthesis without an opening one. Write \\) for the character itself",
    "missing ]": "has an opening bracket without a closing one. Write \\[ for the character itself",
    "invalid repetition size": "repeats something more than 1,000 times. Write + or *",
    "invalid named capture group": "has a group whose name is not made of letters, digits and _",
    "pattern too large - compile failed": "is too large. Write + or * instead of a counted repetition",
}
"""What is wrong and what would be right, by the kind of RE2's error."""
_ADVICE = (
    (("(?=", "(?!", "(?<=", "(?<!"), "Match the text around the group instead, as in 'loss (?P<loss>\\S+) lr'"),
    (("(?P",), "Write (?P<name>...) for a metric. A pattern cannot refer to an earlier group"),
    (tuple(f"\\{number}" for number in range(1, 10)), "A pattern cannot refer to an earlier group"),
    (("\\Z",), "Write $ for the end of the line"),
    (("(?>", "++", "*+", "?+"), "Write a plain group, + or *. No pattern backtracks"),
    (("(?x", "(?#"), "A pattern cannot contain comments"),
    (("\\u", "\\U", "\\N"), "Write the character itself"),
)
"""What would be right instead of a part that Python's engine has and RE2 does not."""
_NAMES_OF_GROUPS = re.compile(r"\(\?P?<(\w+)>")
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_ENDS_OF_TEXT = re.compile(r"\\[Az]|\(\?\w*-")
"""What matches in a line but perhaps not in a text of many lines."""


class PatternInvalid(ValueError):
    """The text is no pattern for metrics. The message says what would be right, after "the pattern"."""


class LogPattern:
    """A pattern whose named groups are metrics. Thread-safe, and it leaves the interpreter to others while it matches.

    `epoch` and `step` stay, in small letters. In other names `_` after `train`, `val` or `test` becomes `/`.
    """

    def __init__(self, text: str) -> None:
        """Raises PatternInvalid."""
        self._pattern = _compile(text)
        self._lines = None if _ENDS_OF_TEXT.search(text) else _compile(f"(?m){text}")
        groups = sorted((index, name) for name, index in self._pattern.groupindex.items())
        self.columns = {index: _column(name) for index, name in groups}
        """The metric of each named group, by the number of the group."""
        _check(text, self._pattern, self.columns)

    def match(self, line: bytes) -> dict[str, str]:
        """Return the text of each metric that has any, where the pattern matches first; empty if it does not match.

        `line` is valid UTF-8, without its end.
        """
        found = self._pattern.search(line)
        if found is None:
            return {}
        texts = {column: found[index] for index, column in self.columns.items()}
        return {column: text.decode() for column, text in texts.items() if text}

    def may_match(self, lines: bytes) -> bool:
        """Return whether the pattern may match one of some lines. This is much faster than to match each line."""
        return self._lines is None or self._lines.search(lines) is not None


def _compile(text: str) -> Any:
    options = re2.Options()
    options.log_errors = False  # RE2 would write them to stderr.
    options.max_mem = MAX_MEMORY_BYTES
    try:
        return re2.compile(text, options)
    except re2.error as error:
        raise PatternInvalid(_reason(error.args[0].decode())) from error
    except UnicodeEncodeError as error:
        raise PatternInvalid("contains half of a UTF-16 character. Write the character itself") from error


def _reason(message: str) -> str:
    """Say what is wrong and what would be right, given RE2's message, such as `missing ): (a`."""
    kind, _, part = message.partition(": ")
    if kind in _REASONS:
        return _REASONS[kind]
    for parts, advice in _ADVICE:
        if part.startswith(parts):
            return f"uses {part}, which RE2 does not support. {advice}"
    return f"is not a regular expression of RE2 ({message})"


def _check(text: str, pattern: Any, columns: dict[int, str]) -> None:
    if not columns:
        raise PatternInvalid("has no named group. Name a metric: 'loss (?P<train_loss>\\S+)'")
    [(name, count)] = Counter(_NAMES_OF_GROUPS.findall(_ESCAPED.sub("", text))).most_common(1)
    if count > 1:
        raise PatternInvalid(f"names the group {name} twice. Write two patterns")
    if pattern.programsize > MAX_PROGRAM_SIZE:
        raise PatternInvalid(_REASONS["pattern too large - compile failed"])
    if pattern.search(b"") is not None:
        raise PatternInvalid("matches an empty line, and so every line. Write + instead of * for what must be there")


def _column(group: str) -> str:
    if group.lower() in COUNTERS:
        return group.lower()
    split, _, rest = group.partition("_")
    return f"{split}/{rest}" if rest and split in SPLITS else group
