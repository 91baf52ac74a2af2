"""Our blueprint and API: JSON bodies only, every error in the one shape, and both documented."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import flask_smorest
from flask import request
from marshmallow import Schema
from werkzeug.exceptions import ClientDisconnected, HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from app.problems import error_body, first_errors
from app.rest.openapi import omit_null_default
from app.rest.parser import JsonParser
from app.schemas import ErrorSchema

DESCRIPTIONS = {
    400: "The body is not JSON.",
    401: "The token is missing or wrong.",
    403: "Not allowed: a web page of another origin, or an unknown host name.",
    404: "Not there. The message says what is.",
    409: "Another run is in the way.",
    413: "The body is too long.",
    414: "The address is too long.",
    416: "The file is shorter than the range that was asked for.",
    431: "The headers are too long.",
    422: "Well formed, but cannot be carried out; `errors` names each field.",
    500: "The training could not be launched.",
    503: "The folder of the runs or datasets cannot be read, or too many datasets are read at once (see Retry-After).",
    507: "Not enough free disk space.",
}

BINARY = {"type": "string", "format": "binary"}
AS_IT_WAS = "As it was: the client's copy (If-None-Match) is right."

PATH_PARAMETERS = {
    "run_id": "Id of a run; GET /training/metrics/runs lists them.",
    "name": "Of an experiment (GET /training/configs lists them) or of a dataset (GET /training/datasets).",
    "path": "Path of a file inside the run's directory; GET /training/runs/{run_id}/artifacts lists them.",
}


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # It has no types.
    ARGUMENTS_PARSER = JsonParser()

    def route(self, rule: str, **options: Any) -> Any:
        """Describe the parameters in the path, which have the same meaning everywhere."""
        named = [
            {"in": "path", "name": name, "description": PATH_PARAMETERS[name]}
            for name in re.findall(r"<(?:\w+:)?(\w+)>", rule)
        ]
        return super().route(rule, parameters=named, **options)

    def answers(
        self,
        code: int,
        schema: Schema | type[Schema] | Mapping[str, Any] | None = None,
        description: str | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, Any] | None = None,
    ) -> Any:
        """Document an answer. The view builds it: a schema only describes, because a dump would double the time."""
        documented: dict[str, Any] = {"description": description or HTTPStatus(code).phrase}
        if schema is not None:
            documented["content"] = {content_type: {"schema": schema}}
        if headers is not None:
            documented["headers"] = headers
        return self.doc(responses={code: documented})

    def downloads(self, view: Any) -> Any:
        """Document the answers of an operation that sends a file."""
        for code, description in ((200, None), (206, "The range that was asked for.")):
            view = self.answers(code, BINARY, description, content_type="application/octet-stream")(view)
        return self.answers(304, description=AS_IT_WAS)(view)

    def errors(self, *codes: int, shapes: Mapping[int, type[Schema]] | None = None) -> Any:
        """Document an operation's errors, `shapes` being those with more than the one shape; and name the operation.

        The errors of every operation (token, origin, length, a folder that cannot be read) are added.
        """
        schemas = dict.fromkeys((401, 403, 414, 431, 503, *codes), ErrorSchema) | dict(shapes or {})
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
        del self.spec.components.schemas["PaginationMetadata"]  # flask-smorest's, used by nothing here

    def handle_http_exception(self, error: Any) -> Any:
        """Give every error of the framework the one shape."""
        told: dict[str, Any] = getattr(error, "data", None) or {}
        errors = first_errors(_by_field(told.get("messages", {})))
        message = told.get("message") or (_sentence(errors) if errors else _explain(error))
        headers = dict(error.get_headers()) | (told.get("headers") or {})
        del headers["Content-Type"]  # It is JSON, not the page that the framework had in mind.
        return error_body(error.code, message, errors), error.code, headers


def _explain(error: HTTPException) -> str:
    """Say what would be right where the framework only says what is wrong."""
    if isinstance(error, NotFound):
        root = request.script_root
        return f"There is nothing at {request.path}. The API is described at {root}/docs and {root}/openapi.json."
    if isinstance(error, MethodNotAllowed):
        return f"{request.method} is not possible at {request.path}. Possible: {', '.join(error.valid_methods or ())}."
    if isinstance(error, ClientDisconnected):
        return "The body ended before all of it was there."
    if isinstance(error, RequestEntityTooLarge):
        return f"The body is too long. It may have {request.max_content_length:,} bytes."
    return error.description or "The request cannot be answered."


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
