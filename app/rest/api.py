"""The base of every blueprint: JSON bodies only, errors in the one shape, and an OpenAPI document of both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import flask_smorest
from flask import request
from marshmallow import Schema
from werkzeug.exceptions import (
    ClientDisconnected,
    HTTPException,
    MethodNotAllowed,
    NotFound,
    PreconditionFailed,
    RequestedRangeNotSatisfiable,
    RequestEntityTooLarge,
)

from app.problems import error_body, first_errors
from app.rest.errors import error_field
from app.rest.openapi import omit_null_default
from app.rest.parser import JsonParser
from app.schemas.errors import ErrorSchema

DESCRIPTIONS = {
    400: "The body is not JSON.",
    401: "The token is missing or wrong.",
    403: "Not allowed: a web page of another origin, an unknown host name, or a token that may only read.",
    404: "Not found. The message lists what exists.",
    408: "The request took too long to arrive.",
    409: "The state of a run, or of the queue, prevents this.",
    412: "The file is not the one that If-Match names.",
    413: "The body is too large.",
    414: "The address is too long.",
    416: "The requested range is beyond the end of the file.",
    431: "The headers are too long.",
    422: "The request is well formed but invalid. `errors` names each field.",
    500: "The training could not be launched.",
    503: "A folder or file of the service cannot be used, or too many datasets are being read (see Retry-After).",
    507: "Not enough free disk space.",
}

BINARY = {"type": "string", "format": "binary"}
ERROR = ErrorSchema()
"""One object for every error: apispec would make a new one from the class, and there are hundreds."""
NOT_MODIFIED = "Unchanged. The client's copy (If-None-Match) is current."

PATH_PARAMETERS = {
    "run_id": "Id of a run. GET /training/metrics/runs lists them.",
    "name": "Name of an experiment (GET /training/configs) or of a dataset (GET /training/datasets).",
    "path": "Path of a file inside the run directory. GET /training/runs/{run_id}/artifacts lists them.",
}


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # It has no types.
    ARGUMENTS_PARSER = JsonParser()

    def route(self, rule: str, **options: Any) -> Any:
        """Document the parameters in the path, which mean the same in every operation."""
        named = [
            {"in": "path", "name": name, "description": PATH_PARAMETERS[name]}
            for name in re.findall(r"<(?:\w+:)?(\w+)>", rule)
        ]
        return super().route(rule, parameters=named, **options)

    def arguments(self, schema: type[Schema], **options: Any) -> Any:
        """Parse arguments by one object of a schema. From the class webargs would make a new one for each request."""
        return super().arguments(schema(), **options)

    def answers(
        self,
        code: int,
        schema: Schema | type[Schema] | Mapping[str, Any] | None = None,
        description: str | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, Any] | None = None,
    ) -> Any:
        """Document an answer. The view itself builds the answer: dumping it through the schema would cost more."""
        documented: dict[str, Any] = {"description": description or HTTPStatus(code).phrase}
        if schema is not None:
            documented["content"] = {content_type: {"schema": schema}}
        if headers is not None:
            documented["headers"] = headers
        return self.doc(responses={code: documented})

    def downloads(self, view: Any) -> Any:
        """Document the answers of an operation that sends a file: all of it, a range, or nothing new."""
        for code, description in ((200, None), (206, "The requested range.")):
            view = self.answers(code, BINARY, description, content_type="application/octet-stream")(view)
        return self.answers(304, description=NOT_MODIFIED)(view)

    def errors(self, *codes: int, shapes: Mapping[int, type[Schema]] | None = None, is_open: bool = False) -> Any:
        """Document an operation's errors, and name the operation after its view.

        `shapes` holds the schemas of errors with additional fields. Errors that every operation has (token, origin,
        time, length, an unreadable folder) are added, except what a call that `is_open` cannot have.
        """
        common = (403, 408, 414, 431) if is_open else (401, 403, 408, 414, 431, 503)
        schemas = dict.fromkeys((*common, *codes), ERROR) | dict(shapes or {})
        documented = {
            code: {"description": DESCRIPTIONS[code], "content": {"application/json": {"schema": schema}}}
            for code, schema in sorted(schemas.items())
        }
        return lambda view: self.doc(operationId=view.__name__, responses=documented)(view)


class Api(flask_smorest.Api):  # type: ignore[misc]
    ERROR_SCHEMA = ErrorSchema

    def _init_spec(self, **options: Any) -> None:
        super()._init_spec(**options)
        self.spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
        self.ma_plugin.converter.add_attribute_function(omit_null_default)
        del self.spec.components.schemas["PaginationMetadata"]  # flask-smorest adds it, and nothing here uses it

    def handle_http_exception(self, error: Any) -> Any:
        """Give the framework's own errors the one shape."""
        details: dict[str, Any] = getattr(error, "data", None) or {}
        errors = first_errors(_by_field(details.get("messages", {})))
        message = details.get("message") or (_sentence(errors) if errors else _explain(error))
        headers = dict(error.get_headers()) | (details.get("headers") or {})
        del headers["Content-Type"]  # The framework would send an HTML page. This is JSON.
        return error_body(error.code, message, errors, **error_field(error.code, message)), error.code, headers


def _explain(error: HTTPException) -> str:
    """Say what would be right. The framework only says what is wrong."""
    if isinstance(error, NotFound):
        root = request.script_root
        return f"There is nothing at {request.path}. The API is described at {root}/docs and {root}/openapi.json."
    if isinstance(error, MethodNotAllowed):
        return f"{request.method} is not allowed at {request.path}. Allowed: {', '.join(error.valid_methods or ())}."
    if isinstance(error, ClientDisconnected):
        return "The body ended early: it is shorter than its Content-Length."
    if isinstance(error, RequestEntityTooLarge):
        return f"The body is too large. The limit is {request.max_content_length:,} bytes."
    if isinstance(error, PreconditionFailed):
        return "The file has changed: its ETag is not the one in If-Match."
    if isinstance(error, RequestedRangeNotSatisfiable):
        return f"The file has {error.length or 0:,} bytes. Ask for one range of them, such as Range: bytes=0-99."
    return error.description or "The request cannot be answered."


def _by_field(messages: Any) -> dict[str, Any]:
    """Remove the level that says where the arguments came from (json, query) from a parser's messages."""
    if not isinstance(messages, dict):
        return {"": messages} if messages else {}
    merged: dict[str, Any] = {}
    for fields in messages.values():
        merged |= fields if isinstance(fields, dict) else {"": fields}
    return merged


def _sentence(errors: dict[str, list[str]]) -> str:
    return " ".join(f"{name}: {' '.join(texts)}".removeprefix(": ") for name, texts in errors.items())
