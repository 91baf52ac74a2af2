"""The tokens of the service: what a token may be, and how it is read from a file."""

from __future__ import annotations

from pathlib import Path

MAX_CHARS = 4096


def parse_token(text: str) -> str:
    """Return a valid token. Raises ValueError, whose message never contains the token."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be printable ASCII without spaces")
    return text


def read_token(path: Path) -> str:
    """Read a token from a file, without the line end after it. Raises ValueError."""
    try:
        with open(path, encoding="utf-8", errors="replace", newline="") as file:
            text = file.read(MAX_CHARS + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from error
    token = text.removesuffix("\n").removesuffix("\r")
    if token == "":
        raise ValueError("is empty. It must contain the token")
    if len(token) > MAX_CHARS:
        raise ValueError(f"must contain a token of at most {MAX_CHARS:,} characters")
    try:
        return parse_token(token)
    except ValueError as error:
        raise ValueError(f"must contain one token. A token {error}") from error
