"""The shape of every error that a client gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from itertools import islice
from typing import Any

MAX_ERRORS = 50
MAX_ERROR_CHARS = 2_000


def error_body(code: int, message: str, errors: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Build the body of an error. `more` adds fields, and replaces `status` where the contract of a call says so.

    The body stays small however much is wrong with a request: it names 50 fields with 50 errors, and each text has at
    most 2,000 characters.
    """
    status, first = HTTPStatus(code).phrase, first_errors(errors or {})
    return {"code": code, "status": status, "message": _shorten(message), "errors": first} | more


def first_errors(errors: Mapping[Any, Any]) -> dict[str, list[str]]:
    """Return the first errors by field, each shortened. The dotted path of a field names it inside another."""
    return {_shorten(path): texts for path, texts in islice(_by_path(errors), MAX_ERRORS)}


def _by_path(errors: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield the errors by path. Marshmallow has those of an object as a whole under `_schema`."""
    for name, found in errors.items():
        path = prefix if name == "_schema" else f"{prefix}.{name}" if prefix else str(name)
        if isinstance(found, Mapping):
            yield from _by_path(found, path)
        else:
            texts = found if isinstance(found, list) else [found]
            yield path, [_shorten(str(text)) for text in texts[:MAX_ERRORS]]


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_ERROR_CHARS else text[: MAX_ERROR_CHARS - 2] + " …"
