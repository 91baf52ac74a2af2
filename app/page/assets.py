"""Serve the page's files under an address that depends on their content, so that browsers cache them forever.

The service answers from memory, compressed, before Flask sees the request. It serves the style sheets as one file and
the JavaScript modules as they are. The HTML names the modules of its view, so a browser requests them at once instead
of one import after the other.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import posixpath
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PREFIX = "/assets"
MAX_AGE_S = 365 * 24 * 3600
STYLES = "styles/all.css"
SCRIPT = "main.js"
IMPORT = re.compile(r'\bfrom\s*"(\.[^"]+)"')
"""An import at the top of a module. The page imports other modules with import(...) when it needs them."""
FIRST_STYLE_SHEETS = ("vendor/uPlot-1.6.32.min.css", "styles/tokens.css", "styles/base.css")
"""The style sheets that come first. The others refine them and do not depend on each other."""


class Assets:
    """The files under `folder`. A changed file gets a new address at the next start of the service."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        others = sorted(name for name in self._names if name.startswith("styles/") and name not in FIRST_STYLE_SHEETS)
        self._style_sheets = (*FIRST_STYLE_SHEETS, *others)
        self._names.add(STYLES)
        self.address = f"{PREFIX}/{self._version()}"
        self._content = cache(self._load)
        self.modules = cache(self._modules)

    def _version(self) -> str:
        """Return a digest of the names and contents of all files."""
        digest = hashlib.blake2b(digest_size=6)
        for name in sorted(self._names):
            digest.update(f"{name}\0".encode() + hashlib.blake2b(self._read(name)).digest())
        return digest.hexdigest()

    def _read(self, name: str) -> bytes:
        if name == STYLES:
            return b"\n".join(map(self._read, self._style_sheets))
        return (self._folder / name).read_bytes()

    def _modules(self, view: str) -> list[str]:
        """Return the modules that the page imports at once with a view, which may have a module of its own."""
        todo, found = [SCRIPT, f"{view}/view.js"], set[str]()
        while todo:
            name = todo.pop()
            if name in found or name not in self._names:
                continue
            found.add(name)
            imports = IMPORT.findall(self._read(name).decode())
            todo += [posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) for path in imports]
        return sorted(found)

    def _load(self, name: str) -> tuple[bytes, bytes | None]:
        """Return a file's content, and its compressed content, or None if compression makes it larger."""
        content = self._read(name)
        compressed = gzip.compress(content, mtime=0)
        return content, compressed if len(compressed) < len(content) else None

    def before(self, app: WSGIApplication, harden: dict[str, str]) -> WSGIApplication:
        """Wrap `app`: answer requests for the files with the headers `harden`, and pass all other requests on."""

        def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            path: str = environ.get("PATH_INFO", "")
            name = path.removeprefix(f"{PREFIX}/").partition("/")[2] if path.startswith(f"{PREFIX}/") else ""
            if name not in self._names or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
                return app(environ, start_response)
            is_current = path == f"{self.address}/{name}"
            body, headers = self._answer(name, is_current, "gzip" in environ.get("HTTP_ACCEPT_ENCODING", ""))
            start_response("200 OK", [*headers, *harden.items()])
            return [body] if environ["REQUEST_METHOD"] == "GET" else []

        return serve

    def _answer(self, name: str, is_current: bool, accepts_gzip: bool) -> tuple[bytes, list[tuple[str, str]]]:
        """Return the body and its headers. A page from before an update gets the current file and must not cache it."""
        content, compressed = self._content(name)
        packed = compressed if accepts_gzip else None
        body = content if packed is None else packed
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        headers = [
            ("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", f"public, max-age={MAX_AGE_S}, immutable" if is_current else "no-cache"),
            ("Vary", "Accept-Encoding"),
        ]
        return body, headers + ([] if packed is None else [("Content-Encoding", "gzip")])
