from __future__ import annotations

from pathlib import Path

import pytest

from trainer.experiment import strict_yaml
from trainer.experiment.strict_yaml import YamlInvalid

BOMB = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (BOMB, "aliases"),
        ("a: !!python/object/apply:os.system [true]", "tags"),
        ("a: !!binary aGVsbG8=", "tags"),
        ("a: 1\na: 2", '"a" is given twice (line 2)'),
        ("a: {b: 1, b: 1}", '"b" is given twice'),
        ("1: a", "keys must be text"),
        ("[a]: b", "keys must be text"),
        ("[" * 1000, "levels of nesting"),
        ("a: [1", "line 1"),
        ("a: 1\n---\nb: 2", "document"),
        ("a: \x00", "special characters"),
        ("\t- a", "use spaces (line 1)"),
        ("a:\t1", "use spaces (line 1)"),
        ("a: b: c", "a colon is not allowed here"),
        ("a:\n  b: 1\n c: 2", "indent all parameters of a section alike (line 3)"),
        ('a: "C:\\data"', "use single quotes"),
        ("a: 'it's'", "double quotes"),
        ("a: @x", "quote text"),
        ("a: 'x", "a quote is not closed"),
    ],
)
def test_yaml_that_is_not_plain_is_refused(text: str, problem: str) -> None:
    with pytest.raises(YamlInvalid) as raised:
        strict_yaml.parse(text)
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("yes", 'write true, or "yes" in quotes'),
        ("Off", 'write false, or "Off" in quotes'),
        ("None", "write null"),
        ("010", "write 10"),
        ("08", "write 8"),
        ("0x1f", "write 31"),
        ("-0o17", "write -15"),
        ("1_000", "write 1000"),
        ("1_000.5", "write 1000.5"),
        ("12:30:00", 'put it in quotes: "12:30:00"'),
        ("2026-01-01", "in quotes"),
        ("2026-01-01 10:00", "in quotes"),
        (".nan", "in quotes"),
    ],
)
def test_a_value_that_yaml_parsers_read_differently_is_refused(text: str, advice: str) -> None:
    for place in (f"a: {text}", f"[{text}]"):
        with pytest.raises(YamlInvalid) as raised:
            strict_yaml.parse(place)
        assert advice in str(raised.value)
        assert "(line 1)" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1.5E+3", 1500.0),
        (".5", 0.5),
        ("-7", -7),
        ("0deadbeef", "0deadbeef"),
        ("1.2.3", "1.2.3"),
        ("none", "none"),
        ("no way", "no way"),
        ("'no'", "no"),
        ('"2026-01-01"', "2026-01-01"),
        ("true", True),
        ("~", None),
        ("'1'", "1"),
        ("9" * 25, "9" * 25),
    ],
)
def test_scalars_are_read_as_yaml_1_2_reads_them(text: str, value: object) -> None:
    read = strict_yaml.parse(text)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    "text", ["1e-3", "yes", "null", "1", "0x1f", "2026-01-01", "", " a", "*a", "ü", "a\nb", "1:30", "{x}", "08", "None"]
)
def test_written_text_is_read_back_as_the_same_text(text: str) -> None:
    assert strict_yaml.parse(strict_yaml.write({"a": [text]})) == {"a": [text]}


def test_shared_values_are_written_without_aliases() -> None:
    shared = [1, 2]
    assert strict_yaml.parse(strict_yaml.write({"a": shared, "b": shared})) == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"a: \xff\xfe\xff", "UTF-8"), (b"a: b\n" * 30_000, "longer than 100,000 bytes")],
)
def test_files_that_are_not_text_or_too_long_are_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(YamlInvalid, match=problem):
        strict_yaml.read(path)


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path, Path("nul\0.yaml")):
        with pytest.raises(YamlInvalid, match="cannot be read"):
            strict_yaml.read(path)
