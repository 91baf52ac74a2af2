"""Parse request bodies as strict JSON."""

from __future__ import annotations

import json
from typing import Any

import flask_smorest
import marshmallow
from flask import Request
from marshmallow import Schema
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

MAX_NAMES = 1_000
"""In an object of a request. Marshmallow checks each of them in Python."""


class JsonParser(FlaskParser):
    """Accept only bodies that are JSON and declare it. Any web page may post a form to any address, and a form must
    never start or stop a training.
    """

    DEFAULT_UNKNOWN_BY_LOCATION = FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION | {"query": marshmallow.RAISE}

    def load_json(self, req: Request, schema: Schema) -> Any:
        """Return the body's content. Refuse what two parsers could read differently: NaN, or the same name twice."""
        body = _read_body(req)
        if not body:
            return marshmallow.missing
        if not req.is_json:
            flask_smorest.abort(400, message="The body must be JSON, sent with Content-Type: application/json.")
        try:
            return json.loads(body, parse_constant=_refuse_constant, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            flask_smorest.abort(400, message=f"The body is not JSON: {str(error).partition(';')[0]}.")


def _read_body(req: Request) -> bytes:
    """Return the whole body. Werkzeug does not notice a body that ends early, or a chunked one cut at the limit."""
    body = req.get_data()
    if req.content_length is not None and len(body) < req.content_length:
        raise ClientDisconnected
    if len(body) == req.max_content_length and req.environ["wsgi.input"].read(1):
        raise RequestEntityTooLarge
    return body


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not valid JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("an object contains the same name twice")
    if len(content) > MAX_NAMES:
        raise ValueError(f"an object has more than {MAX_NAMES:,} names")
    return content
