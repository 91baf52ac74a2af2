"""Encode long answers as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from flask import Response

from app.domain import domain


def encode_each(items: Iterable[dict[str, Any]]) -> str:
    """Return a list as JSON. Items are encoded one at a time, because one long call would block every other thread."""
    return f"[{', '.join(map(json.dumps, items))}]"


def offloaded(compute: Callable[..., Any], *values: Any, **more: Any) -> Response:
    """Answer with what `compute` returns. Compute and encode it where it delays no other request."""
    return Response(domain().offload(lambda: json.dumps(compute(*values, **more))), mimetype="application/json")
