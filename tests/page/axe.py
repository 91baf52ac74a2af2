"""Accessibility checks with axe-core, for people who use a keyboard or a screen reader or have low vision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

AXE = (Path(__file__).parent / "vendor" / "axe-core-4.14.1.min.js").read_text(encoding="utf-8")
RULES = {"light": "undefined", "dark": "['color-contrast']"}
"""The rules to check in each theme. The dark theme differs only in its colours."""


def violations(page: Any, within: str = "document") -> list[tuple[str, list[str]]]:
    """Return the rules that the page violates in either theme, with the elements. Leave the page in the dark theme."""
    page.evaluate(AXE)
    found = []
    for theme, rules in RULES.items():
        page.emulate_media(color_scheme=theme)
        answer = page.evaluate(f"axe.run({within}, {{ resultTypes: ['violations'], runOnly: {rules} }})")
        found += answer["violations"]
    return [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found]
