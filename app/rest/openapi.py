"""The parts of the OpenAPI document that belong to no operation."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from flask import Flask, Response

DESCRIPTION = (
    "Start, stop and follow trainings, and download their models. Every error has the same shape, and its message says"
    " what would be right. Live updates come over Socket.IO."
)


INFO = {"description": DESCRIPTION, "license": {"name": "MIT", "identifier": "MIT"}}


def omit_null_default(_: Any, __: Any, *, ret: dict[str, Any]) -> dict[str, Any]:
    """Omit a default of null: it means "not given", and a query string cannot express it."""
    if ret.get("default", "") is None:
        del ret["default"]
    return {}


def keep_document(app: Flask) -> None:
    """Build the document once. It takes 20 ms, which would block eventlet for every request without a token."""
    endpoint = "api-docs.openapi_json"
    build: Callable[..., Any] = app.view_functions[endpoint]
    document = cache(lambda: build().get_data())
    app.view_functions[endpoint] = lambda: Response(document(), mimetype="application/json")
