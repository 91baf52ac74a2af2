"""Send a run's files as downloads."""

from __future__ import annotations

import os
from typing import BinaryIO

from flask import Response, request, send_file
from werkzeug.exceptions import PreconditionFailed, RequestedRangeNotSatisfiable
from werkzeug.wsgi import FileWrapper

from app.runs.exceptions import FileNotInRun
from app.runs.models.archive import archive
from app.runs.models.model import Download
from app.runs.models.steady import open_steady
from app.runs.names import is_plain_name
from app.runs.times import utc_time
from trainer.runfile import RunFile

CHUNK_BYTES = 128 * 1024
"""A file is read and sent in chunks of this size. Werkzeug's default of 8 KiB takes three times as long."""


def send(file: RunFile, name: str) -> Response:
    """Send a file as a download called `name`. Raises FileNotInRun when the file cannot be read."""
    try:
        return _send(file.open(), name)
    except OSError as error:
        raise FileNotInRun(f"The file {name!r} cannot be read: {error.strerror}.") from error


def send_model(download: Download) -> Response:
    """Send the files of a model, several of them as an archive. Raises FileNotInRun and ModelChanging.

    If a program changes a file meanwhile, the connection breaks, so no client mistakes a torn file for a complete one.
    """
    files = open_steady(download)
    if len(files) == 1:
        [file] = files.values()
        return _send(file, download.name)
    response = Response(archive(files), mimetype="application/zip")
    response.headers.set("Content-Disposition", "attachment", filename=_valid(download.name))
    for file in files.values():
        response.call_on_close(file.close)
    return response


def _send(opened: BinaryIO, name: str) -> Response:
    """Send an open file. A browser must never show it as a page of this service, so every file is a download."""
    status = os.fstat(opened.fileno())
    response = send_file(
        opened,
        mimetype="application/octet-stream",
        as_attachment=True,
        download_name=_valid(name),
        conditional=False,
        etag=f"{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}",
        last_modified=utc_time(status.st_mtime),
    )
    response.response = FileWrapper(opened, CHUNK_BYTES)
    response.content_length = status.st_size
    try:
        # Flask does this only for a path. It would open the path again, and by then it may name another file.
        response.make_conditional(request.environ, accept_ranges=True, complete_length=status.st_size)
        if response.status_code == PreconditionFailed.code:  # The file would follow as the body.
            raise PreconditionFailed
    except (PreconditionFailed, RequestedRangeNotSatisfiable):
        opened.close()
        raise
    return response


def _valid(name: str) -> str:
    return name if is_plain_name(name) else "download"
