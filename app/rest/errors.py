"""Map each error of the domain to an HTTP status. Every answer has the one shape of app.problems."""

from __future__ import annotations

import errno
import os
from typing import Any

from flask import Flask, current_app, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException

from app.problems import error_body
from app.runs import exceptions as domain
from app.server import wire
from app.server.openfiles import NO_FILES, Shortage

_shortage = Shortage()

STATUS = {
    domain.NotFound: 404,
    domain.Invalid: 422,
    domain.Unusable: 422,
    domain.Conflict: 409,
    domain.ModelChanging: 409,
    domain.DeletionRefused: 403,
    domain.LaunchFailed: 500,
    domain.PredictionFailed: 500,
    domain.DataFolderUnreadable: 503,
    domain.RunsUnreadable: 503,
    domain.Busy: 503,
    domain.DiskFull: 507,
}
FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


def register(app: Flask) -> None:
    app.register_error_handler(domain.RunError, _answer)
    app.register_error_handler(ParseException, _answer_to_malformed_body)
    app.register_error_handler(Exception, _answer_to_defect)


def status_of(error: domain.RunError) -> int:
    return next(code for kind, code in STATUS.items() if isinstance(error, kind))


def _answer(error: domain.RunError) -> tuple[dict[str, Any], int, dict[str, str]]:
    code = status_of(error)
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, domain.TryAgain) else {}
    more = error_field(code, str(error)) | _more(error)
    return error_body(code, str(error), getattr(error, "errors", None), **more), code, headers


def error_field(code: int, message: str) -> dict[str, str]:
    """Return the field that the contract adds to errors of the resource `metrics`."""
    return {"error": message} if request.blueprint == "metrics" and code in (404, 422) else {}


def _more(error: domain.RunError) -> dict[str, Any]:
    """Return the fields that the contract adds to the shape for this error."""
    if isinstance(error, domain.RunActive):
        return {"status": "running", "pid": error.pid, "run_id": next(iter(error.run_ids), None)}
    if isinstance(error, domain.QueueWaits):
        return {"status": "queued", "pid": None, "run_id": error.run_id}
    if isinstance(error, domain.LaunchFailed):
        return {"status": f"error: {error}", "run_id": error.run_id}
    if isinstance(error, domain.MetricsUnreadable):
        return {"csv_file": error.csv_file}
    return {}


def _answer_to_malformed_body(error: ParseException) -> tuple[dict[str, Any], int]:
    """Answer a request whose body does not match its headers, which shows only when the body is read."""
    code, message = wire.refusal(error)
    return error_body(code, message), code


def _answer_to_defect(error: Exception) -> Any:
    if isinstance(error, HTTPException):
        raise error
    if isinstance(error, OSError) and error.errno in NO_FILES:
        _shortage.report(error)
        return error_body(503, f"The service cannot open more files: {error.strerror}."), 503, {"Retry-After": "1"}
    if isinstance(error, OSError) and error.filename is not None:
        current_app.logger.error("%s %s failed: %s", request.method, request.url_rule, error)
        code = 507 if error.errno in FULL_DISK else 503
        return error_body(code, _describe_unusable_file(error)), code
    current_app.logger.exception("Unexpected error")
    return error_body(500, wire.describe_defect(error)), 500


def _describe_unusable_file(error: OSError) -> str:
    """Say which file the machine refuses to read or write, and what to do."""
    if error.errno in FULL_DISK:
        remedy = "Delete old runs for good, empty the trash, or free space on that disk."
    else:
        remedy = "Check that its disk is mounted and writable, and that the service's user may use the file."
    return f"The service cannot use {os.fsdecode(error.filename)}: {error.strerror}. {remedy}"
