"""The OpenAPI document, for tests of the document itself and of the answers that it describes."""

from __future__ import annotations

import json
from typing import Any

from app.factory import create_app
from app.settings import Settings

APP = create_app(Settings(), "threading")
DOCUMENT = json.loads(json.dumps(APP.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec.to_dict()))
OPERATIONS = [
    (method, path)
    for path, item in DOCUMENT["paths"].items()
    for method in item
    if method in ("get", "post", "patch", "delete")
]


def operation(method: str, path: str) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][path][method]
    return found
