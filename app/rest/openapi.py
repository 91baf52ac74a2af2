"""The parts of the OpenAPI document that belong to no operation."""

from __future__ import annotations

from typing import Any

DESCRIPTION = (
    "Start, stop and follow trainings of image classifiers, and fetch their models. Every error has one shape, and its"
    " message says what would be right. Live updates come over Socket.IO."
)


INFO = {"description": DESCRIPTION, "license": {"name": "MIT", "identifier": "MIT"}}


def omit_null_default(_: Any, __: Any, *, ret: dict[str, Any]) -> dict[str, Any]:
    """Omit a default of null: it means "not given", and a query string cannot express it."""
    if ret.get("default", "") is None:
        del ret["default"]
    return {}
