"""The shape of every error that a client gets."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from itertools import islice
from typing import Any

from trainer.experiment.schema import flatten_errors

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
    first = islice(flatten_errors(errors).items(), MAX_ERRORS)
    return {_shorten(path): [_shorten(text) for text in texts[:MAX_ERRORS]] for path, texts in first}


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_ERROR_CHARS else text[: MAX_ERROR_CHARS - 2] + " …"
