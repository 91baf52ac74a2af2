"""Tell a Hydra configuration from an experiment. Standard library only."""

from __future__ import annotations

import re

ADVICE = (
    "this is a Hydra configuration, not an experiment. Wrap the program that reads it as a command:"
    " see Hydra in docs/commands.md"
)

_COMMAND = re.compile(r"^command[ \t]*:", re.MULTILINE)
_SIGNS = re.compile(
    r"""^\#[ \t]*@package\b
    |^defaults[ \t]*:[ \t]*\[
    |^defaults[ \t]*:[ \t]*(\#.*)?\r?\n([ \t]*(\#.*)?\r?\n)*[ \t]*-[ \t]  # a list on the next lines
    |(^|[\s{,])_target_[ \t]*:
    |^hydra[ \t]*:""",
    re.MULTILINE | re.VERBOSE,
)


def is_configuration(text: str) -> bool:
    """Whether a file that is no valid experiment is one of Hydra's: by what only Hydra reads."""
    return _SIGNS.search(text) is not None and _COMMAND.search(text) is None
