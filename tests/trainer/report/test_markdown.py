"""report.md shows the content of report.json, with names in any form."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from tests.app.written import write_report
from trainer.report.markdown import MAX_CLASSES, as_markdown, percent

AWKWARD = ["a|b", "*bold*", "_x_", "<script>", "[l](u)", "back\\slash|", "`code`", "~~s~~", "1. x", "# h", "&amp;", "-"]


def cells(text: str) -> list[list[str]]:
    """Return the cells of each table row of a rendered report."""
    rows: list[list[str]] = []
    is_table = False
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(text):
        is_table = token.type == "table_open" or (is_table and token.type != "table_close")
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and is_table:
            assert token.children is not None
            rows[-1].append("".join(child.content for child in token.children))
    return rows


@pytest.fixture
def report(tmp_path: Path) -> dict[str, Any]:
    return write_report(tmp_path)


def test_the_report_shows_the_numbers_and_the_existing_plots(report: dict[str, Any]) -> None:
    text = as_markdown(report)
    assert re.findall(r"[\d.]+%", cells(text)[1][1]) == ["75.0%", "95%", "30.1%", "95.4%"]
    assert ["cat", "66.7%", "100.0%", "80.0%", "1.0000", "2"] in cells(text)
    assert ["dog", "cat", "1"] in cells(text)
    assert ["test/dog/größe|1.png", "dog", "cat", "90.0%"] in cells(text)
    assert "](report/confusion_matrix.png)" in text
    assert "## Training" not in text, "this report has no curves"


@pytest.mark.parametrize("name", AWKWARD)
def test_a_name_is_shown_unchanged(report: dict[str, Any], name: str) -> None:
    for entry in (report["classes"][0], report["mistakes"][0], report["confusions"][0]):
        entry["name" if "name" in entry else "true"] = name
    report["run_id"] = report["mistakes"][0]["file"] = name
    rows = cells(as_markdown(report))
    assert [row[0] for row in rows].count(name) == 3
    assert any(row[1:2] == [name] for row in rows)
    assert "<script>" not in MarkdownIt("gfm-like", {"linkify": False}).render(as_markdown(report))


def test_a_name_with_line_breaks_stays_on_one_line(report: dict[str, Any]) -> None:
    report["classes"][0]["name"] = "two\nlines\r\x00"
    assert "two\ufffdlines\ufffd\ufffd" in [row[0] for row in cells(as_markdown(report))]


def test_only_the_worst_of_many_classes_are_shown(report: dict[str, Any]) -> None:
    report["classes"] = [report["classes"][0] | {"name": f"n{i}", "f1": i / 1000} for i in range(500, 0, -1)]
    names = [row[0] for row in cells(as_markdown(report)) if row[0].startswith("n")]
    assert names == [f"n{i}" for i in range(1, MAX_CLASSES + 1)]
    assert "100 of 500 classes" in as_markdown(report)


def test_an_undefined_value_is_a_dash(report: dict[str, Any]) -> None:
    report["classes"][0] |= {"precision": None, "auroc": None}
    report["loss"] = report["auroc"]["value"] = None
    assert ["cat", "-", "100.0%", "80.0%", "-", "2"] in cells(as_markdown(report))


def test_no_value_is_rounded_up_to_100_percent() -> None:
    assert [percent(share) for share in (1, 0.99999, 0.9994, 0)] == ["100.0%", "99.9%", "99.9%", "0.0%"]
