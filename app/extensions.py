"""The Flask extensions, and our blueprint: its parser insists on JSON and its operations document every error."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from http import HTTPStatus
from itertools import islice
from typing import Any

import flask_smorest
import marshmallow
import orjson
from engineio import json as engineio_json
from flask import Request, request
from marshmallow import Schema
from socketio.packet import Packet
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import ClientDisconnected, HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from app.openapi import omit_null_default
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

MAX_ERRORS = 50
MAX_ERROR_CHARS = 2_000

AS_IT_WAS = "As it was: the client's copy (If-None-Match) is right."

PATH_PARAMETERS = {
    "run_id": "Id of a run; GET /training/metrics/runs lists them.",
    "name": "Of an experiment (GET /training/configs lists them) or of a dataset (GET /training/datasets).",
    "path": "Path of a file inside the run's directory; GET /training/runs/{run_id}/artifacts lists them.",
}


def offload_for(async_mode: str) -> Callable[[Callable[[], Any]], Any]:
    """How to call what computes for long. Under eventlet only a thread of its own lets the others go on meanwhile."""
    if async_mode != "eventlet":
        return lambda compute: compute()
    from eventlet import tpool

    execute: Callable[[Callable[[], Any]], Any] = tpool.execute
    return execute


def lock_maker_for(async_mode: str) -> Callable[[], AbstractContextManager[object]]:
    """How to make a lock for the threads in which `offload_for` computes: eventlet replaces the usual ones."""
    if async_mode != "eventlet":
        return threading.Lock
    from eventlet.patcher import original

    make: Callable[[], AbstractContextManager[object]] = original("threading").Lock
    return make


def encode_each(items: Iterable[dict[str, Any]]) -> str:
    """A list as JSON, one item at a time: encoding thousands in one go would keep every other thread waiting."""
    return f"[{', '.join(map(json.dumps, items))}]"


class SocketJson:
    """JSON of the sockets. For what can be long orjson takes a tenth of the time; and it has null for NaN, as REST."""

    loads = staticmethod(engineio_json.loads)

    @staticmethod
    def dumps(content: Any, **options: Any) -> str:
        try:
            return orjson.dumps(content).decode()
        except TypeError:  # A file's name that is no UTF-8, say.
            return json.dumps(content, **options)


class TextPacket(Packet):  # type: ignore[misc]  # It has no types.
    """A Socket.IO packet that is text. To look for something binary in it, of which we send nothing, the library goes
    through every cell of every row, which takes longer than to read and encode them.
    """

    uses_binary_events = False


class JsonParser(FlaskParser):
    """Bodies are JSON and say so: a form, which any web page may send anywhere, never starts or stops a training."""

    DEFAULT_UNKNOWN_BY_LOCATION = FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION | {"query": marshmallow.RAISE}

    def load_json(self, req: Request, schema: Schema) -> Any:
        """Read the body strictly: what two readers might take differently (NaN, a name given twice) is refused."""
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
    """Read the whole body. Werkzeug takes one that ends early, or one of unknown length at its limit, as whole."""
    body = req.get_data()
    if req.content_length is not None and len(body) < req.content_length:
        raise ClientDisconnected
    if len(body) == req.max_content_length and req.environ["wsgi.input"].read(1):
        raise RequestEntityTooLarge
    return body


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number there")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("an object has the same name twice")
    return content


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # It has no types.
    ARGUMENTS_PARSER = JsonParser()

    def route(self, rule: str, **options: Any) -> Any:
        """Describe the parameters in the path, which have the same meaning everywhere."""
        named = [
            {"in": "path", "name": name, "description": PATH_PARAMETERS[name]}
            for name in re.findall(r"<(?:\w+:)?(\w+)>", rule)
        ]
        return super().route(rule, parameters=named, **options)

    def downloads(self, view: Any) -> Any:
        """Document the answers of an operation that sends a file."""
        binary = {"schema": {"type": "string", "format": "binary"}, "content_type": "application/octet-stream"}
        view = self.alt_response(304, description=AS_IT_WAS)(view)
        view = self.alt_response(206, **binary, description="The range that was asked for.")(view)
        return self.response(200, **binary)(view)

    def errors(self, *codes: int, shapes: Mapping[int, type[Schema]] | None = None) -> Any:
        """Document an operation's errors, `shapes` being those with more than the one shape; and name the operation.

        The errors of every operation (token, origin, length, a folder that cannot be read) are added.
        """
        documented: dict[int, type[Schema]] = dict.fromkeys((401, 403, 414, 431, 503, *codes), ErrorSchema) | dict(
            shapes or {}
        )

        def decorate(view: Any) -> Any:
            operation_id = view.__name__
            for code, schema in sorted(documented.items()):
                view = self.alt_response(code, schema=schema, description=DESCRIPTIONS[code])(view)
            return self.doc(operationId=operation_id)(view)

        return decorate


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
        errors = _first(_by_field(told.get("messages", {})))
        message = told.get("message") or (_sentence(errors) if errors else _explain(error))
        headers = dict(error.get_headers()) | (told.get("headers") or {})
        del headers["Content-Type"]  # It is JSON, not the page that the framework had in mind.
        return error_body(error.code, message, errors), error.code, headers


def error_body(code: int, message: str, errors: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Build the one shape of every error; `more` may replace `status` where a call's contract says so.

    However much was wrong with a request, the answer stays small: 50 errors, each of at most 2,000 characters.
    """
    status, kept = HTTPStatus(code).phrase, _first(errors or {})
    return {"code": code, "status": status, "message": _shorten(message), "errors": kept} | more


def _first(errors: Any) -> Any:
    """The first errors of each level, each shortened."""
    if isinstance(errors, dict):
        return {_shorten(str(name)): _first(inner) for name, inner in islice(errors.items(), MAX_ERRORS)}
    if isinstance(errors, list):
        return [_first(inner) for inner in errors[:MAX_ERRORS]]
    return _shorten(errors) if isinstance(errors, str) else errors


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_ERROR_CHARS else text[: MAX_ERROR_CHARS - 2] + " …"


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
