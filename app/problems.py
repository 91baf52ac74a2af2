"""The shape of every error that a client gets."""

from __future__ import annotations

from http import HTTPStatus
from itertools import islice
from typing import Any

MAX_ERRORS = 50
MAX_ERROR_CHARS = 2_000


def error_body(code: int, message: str, errors: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Build the body of an error. `more` adds fields, and replaces `status` where the contract of a call says so.

    The body stays small however much is wrong with a request: it has 50 errors, each of at most 2,000 characters.
    """
    status, first = HTTPStatus(code).phrase, first_errors(errors or {})
    return {"code": code, "status": status, "message": _shorten(message), "errors": first} | more


def first_errors(errors: Any) -> Any:
    """Keep the first errors of each level, and shorten each."""
    if isinstance(errors, dict):
        return {_shorten(str(name)): first_errors(inner) for name, inner in islice(errors.items(), MAX_ERRORS)}
    if isinstance(errors, list):
        return [first_errors(inner) for inner in errors[:MAX_ERRORS]]
    return _shorten(errors) if isinstance(errors, str) else errors


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_ERROR_CHARS else text[: MAX_ERROR_CHARS - 2] + " …"
