"""axe-core: what keeps people from using a page by keyboard, with a screen reader or with weak eyes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

AXE = (Path(__file__).parent / "vendor" / "axe-core-4.14.1.min.js").read_text(encoding="utf-8")
RULES = {"light": "undefined", "dark": "['color-contrast']"}
"""In the dark theme only colours can be otherwise."""


def objections(page: Any, within: str = "document") -> list[tuple[str, list[str]]]:
    """What axe objects to in either theme, with the elements. The page is left in the dark one."""
    page.evaluate(AXE)
    found = []
    for theme, rules in RULES.items():
        page.emulate_media(color_scheme=theme)
        answer = page.evaluate(f"axe.run({within}, {{ resultTypes: ['violations'], runOnly: {rules} }})")
        found += answer["violations"]
    return [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found]
