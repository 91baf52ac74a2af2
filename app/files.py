"""Sending a run's files."""

from __future__ import annotations

from pathlib import Path

from flask import Response, send_file

from app.runs.exceptions import FileNotInRun
from app.runs.names import is_plain_name


def send(path: Path, name: str) -> Response:
    """Send a file as a download called `name`. Raises FileNotInRun when it cannot be read (any more).

    Never anything but a download: nothing that a training wrote is shown as a page of ours.
    """
    try:
        return send_file(
            path,
            mimetype="application/octet-stream",
            as_attachment=True,
            download_name=name if is_plain_name(name) else "download",
        )
    except OSError as error:
        raise FileNotInRun(f"The file {name!r} cannot be read: {error.strerror}.") from error
