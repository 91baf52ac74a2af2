"""Download a file completely or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from email.message import Message
from email.utils import collapse_rfc2231_value
from pathlib import Path
from typing import Any

import requests

from app.cli.rest import Rest

Report = Callable[[int, int | None], None]
"""Takes the number of bytes received, and the total if known."""


def save(rest: Rest, path: tuple[str, ...], query: dict[str, Any], target: Path, report: Report | None = None) -> Path:
    """Save a download as `target`, or under the service's name if `target` is a folder. Return the file's path.

    An existing file is replaced once the download is complete. Raises ServiceError, Unreachable and OSError.
    """
    with rest.open(*path, query=query) as response:
        file = target / _name(response) if target.is_dir() else target
        temporary = file.with_name(f".{file.name[:100]}.{secrets.token_hex(8)}")
        try:
            with open(temporary, "xb") as opened:
                _copy(rest, response, opened, report or (lambda *_: None))
            os.replace(temporary, file)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    return file


def _copy(rest: Rest, response: requests.Response, file: Any, report: Report) -> None:
    length = response.headers.get("Content-Length")
    done = 0
    for chunk in rest.chunks(response):
        file.write(chunk)
        done += len(chunk)
        report(done, int(length) if length else None)


def _name(response: requests.Response) -> str:
    """Return the service's name for a file, without folders."""
    message = Message()
    message["Content-Disposition"] = response.headers.get("Content-Disposition", "")
    parameters = message.get_params([], "Content-Disposition")
    names = [collapse_rfc2231_value(value) for key, value in parameters if key == "filename"]
    return Path(names[-1] if names else "").name or "model"  # The last one may have non-ASCII letters.
