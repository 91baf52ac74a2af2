"""Read YAML from untrusted authors: only the JSON-like core of YAML 1.2.

PyYAML's safe loader uses the last of two equal keys, expands aliases without bound and reads `1e-3` as text. Here
`1e-3` is a number, as in YAML 1.2. Values that YAML 1.1 and 1.2 read differently (`no`, `010`, `1_000`, `2026-01-01`)
must be quoted, because the author may mean either.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from trainer.runfile import RunFile

MAX_FILE_BYTES = 100_000
"""The longest file that is read. PyYAML needs about a second for it. Real experiments are fifty times shorter."""

MAX_DEPTH = 20
"""The deepest nesting of lists and mappings, which keeps PyYAML's recursion far from Python's limit."""


class YamlInvalid(ValueError):
    """The text is not YAML that this module reads. The message says what is wrong and where."""


def read(file: Path | RunFile) -> Any:
    """Parse a file. Raises YamlInvalid, also for a file that is unreadable, too long or not UTF-8."""
    return parse(read_text(file))


def read_text(file: Path | RunFile) -> str:
    """Read a file. Raises YamlInvalid if it is unreadable, too long or not UTF-8."""
    try:
        with file.open() if isinstance(file, RunFile) else open(file, "rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        raise YamlInvalid(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > MAX_FILE_BYTES:
        raise YamlInvalid(f"is longer than {MAX_FILE_BYTES:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise YamlInvalid(f"is not UTF-8 text (byte {error.start})") from error


def parse(text: str) -> Any:
    """Parse one document of null, booleans, numbers, strings, lists, and mappings with string keys."""
    try:
        return yaml.load(text, _Loader)  # _Loader constructs less than SafeLoader does
    except yaml.MarkedYAMLError as error:
        where = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise YamlInvalid(f"{_explain(error.problem or error.context or '')}{where}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise YamlInvalid(str(error).partition("\n")[0]) from error


def write(content: Any) -> str:
    """Write `content` as YAML that `parse` reads back equal; keys keep their order."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)


class _Loader(yaml.SafeLoader):
    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            self._refuse("aliases (*name) are not allowed; write the value out", event)
        if getattr(event, "tag", None) not in (None, "!"):
            self._refuse(f"tags ({event.tag}) are not allowed", event)
        if self._depth == MAX_DEPTH:
            self._refuse(f"more than {MAX_DEPTH} levels of nesting", event)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is not None and node.tag == _AMBIGUOUS_TAG:
            self._refuse(_how_to_write(node.value), node)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                self._refuse("keys must be text; put it in quotes", key)
            if key.value in seen:
                self._refuse(f'"{key.value}" is given twice', key)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def _refuse(self, problem: str, where: Any) -> None:
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=where.start_mark)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


_INT = re.compile(r"^[-+]?(0|[1-9][0-9]{0,18})$")
_FLOAT = re.compile(r"^[-+]?((\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)$")

_AMBIGUOUS_TAG = "ambiguous"
_AMBIGUOUS = re.compile(
    r"""^(yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|None
    |[-+]?0(x[0-9a-fA-F_]+|o[0-7_]+|b[01_]+|[0-9_]+)  # 010 is 8 or 10
    |[-+]?[0-9][0-9.]*_[0-9_.]*                       # 1_000
    |[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?            # 12:30 is 750 in YAML 1.1
    |[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)
    |[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(([Tt]|[ \t]+)[0-9]{1,2}:.*)?)$""",
    re.VERBOSE,
)
"""Values that are text for some YAML readers, and a number, a date or a boolean for others."""

_WORDS = {"yes": "true", "on": "true", "no": "false", "off": "false", "none": "null"}

_EXPLANATIONS = (
    ("found character '\\t'", "a tab is not allowed here; use spaces"),
    (
        "mapping values are not allowed",
        "a colon is not allowed here; quote text that contains one and check the indentation",
    ),
    ("but found '<block mapping start>'", "the indentation is wrong; indent all parameters of a section alike"),
    ("sequence entries are not allowed", "write a list on lines of its own, or as [a, b]"),
    (
        "but found '<scalar>'",
        "there is text after a closing quote; put text that contains single quotes in double quotes",
    ),
    ("unknown escape character", "a backslash in double quotes begins an escape; use single quotes"),
    ("cannot start any token", "quote text that begins with this character"),
    ("could not find expected ':'", "a colon and a space must follow the name of a parameter"),
    ("but got '{'", 'quote text that contains a brace, as in "--lr={lr}"'),
    ("but got '<stream end>'", "a bracket or brace is not closed"),
    ("unexpected end of stream", "a quote is not closed"),
)
"""Words of PyYAML's messages, and the message for an author of experiments."""


def _explain(problem: str) -> str:
    return next((plain for words, plain in _EXPLANATIONS if words in problem), problem)


def _how_to_write(text: str) -> str:
    """Make the message for an ambiguous value."""
    plain = _WORDS.get(text.lower()) or _decimal(text)
    meant = f'write {plain}, or "{text}" in quotes if it is text' if plain else f'put it in quotes: "{text}"'
    return f"{text} is ambiguous; {meant}"


def _decimal(text: str) -> str | None:
    """Write the number as both YAML and JSON read it, without leading zeros. None if `text` is not a number."""
    digits = text.replace("_", "")
    for read in (lambda: int(digits, 0), lambda: int(digits), lambda: float(digits)):
        with suppress(ValueError):
            return str(read())
    return None


# The core schema of YAML 1.2 without octal and hexadecimal numbers, infinity and NaN.
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", re.compile(r"^(~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("int", _INT, list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, _first)

# The dumper quotes texts that YAML 1.1 or this loader would not read as text.
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))
for _reader in (_Loader, _Dumper):
    _reader.add_implicit_resolver(_AMBIGUOUS_TAG, _AMBIGUOUS, list("yYnNoO-+.0123456789"))
