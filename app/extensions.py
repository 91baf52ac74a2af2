"""The Flask extensions, and our blueprint: its parser insists on JSON and its operations document every error."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import flask_smorest
from flask import Request
from marshmallow import Schema
from webargs.flaskparser import FlaskParser

from app.schemas import ErrorSchema

DESCRIPTIONS = {
    400: "The body is not JSON, or the request is malformed.",
    401: "The token is missing or wrong.",
    403: "Not allowed: another origin, or the file system's permissions.",
    404: "Not there. The message says what is.",
    409: "Another run is in the way.",
    422: "Well formed, but cannot be carried out; `errors` names each field.",
    500: "The training could not be launched.",
    507: "Not enough free disk space.",
}


class JsonParser(FlaskParser):
    """Bodies are JSON and say so: a form, which any web page may send anywhere, never starts or stops a training."""

    DEFAULT_LOCATION = "json"

    def load_json(self, req: Request, schema: Schema) -> Any:
        if not req.is_json and req.content_length:
            flask_smorest.abort(400, message="The body must be JSON, sent with Content-Type: application/json.")
        return super().load_json(req, schema)


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # It has no types.
    ARGUMENTS_PARSER = JsonParser()

    def errors(self, *codes: int) -> Any:
        """Document the errors of an operation; those of every one (token, origin) are added."""

        def decorate(view: Any) -> Any:
            for code in sorted({401, 403, *codes}):
                view = self.alt_response(code, schema=ErrorSchema, description=DESCRIPTIONS[code])(view)
            return view

        return decorate


class Api(flask_smorest.Api):  # type: ignore[misc]
    ERROR_SCHEMA = ErrorSchema
    DEFAULT_ERROR_RESPONSE_NAME = None  # Each operation names its own.

    def handle_http_exception(self, error: Any) -> Any:
        """Give every error of the framework the one shape."""
        told: dict[str, Any] = getattr(error, "data", None) or {}
        errors = _by_field(told.get("messages", {}))
        message = told.get("message") or (_sentence(errors) if errors else error.description)
        headers = dict(error.get_headers()) | told.get("headers", {})
        del headers["Content-Type"]  # It is JSON, not the page that the framework had in mind.
        return error_body(error.code, message, errors), error.code, headers


def error_body(code: int, message: str, errors: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Build the one shape of every error; `more` may replace `status` where a call's contract says so."""
    body = {"code": code, "status": HTTPStatus(code).phrase, "message": message, "errors": errors or {}}
    return body | more


def _by_field(messages: Any) -> dict[str, Any]:
    """Take the level that says where the arguments came from (json, query) out of a parser's messages."""
    if not isinstance(messages, dict):
        return {"": messages} if messages else {}
    merged: dict[str, Any] = {}
    for fields in messages.values():
        merged |= fields if isinstance(fields, dict) else {"": fields}
    return {name.removeprefix("_schema"): texts for name, texts in merged.items()}


def _sentence(errors: dict[str, Any]) -> str:
    return " ".join(f"{name}: {_text(texts)}".removeprefix(": ") for name, texts in errors.items())


def _text(texts: Any) -> str:
    if isinstance(texts, dict):
        return " ".join(f"{name}: {_text(inner)}" for name, inner in texts.items())
    return " ".join(map(str, texts)) if isinstance(texts, list) else str(texts)
