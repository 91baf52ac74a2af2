"""The page's files under an address that names their content, so that a browser keeps them and need not ask again."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Flask, Response, send_from_directory

PREFIX = "/assets"
KEEP_S = 365 * 24 * 3600


def register(app: Flask) -> str:
    """Serve the static folder at /assets/VERSION/ too and return that address. Modules name each other relatively."""
    assert app.static_folder is not None
    folder = Path(app.static_folder)
    version = version_of(folder)

    def asset(asked: str, filename: str) -> Response:
        """A page that was opened before an update gets what there is now, and does not keep it."""
        return send_from_directory(folder, filename, max_age=KEEP_S if asked == version else None)

    app.add_url_rule(f"{PREFIX}/<asked>/<path:filename>", "asset", asset)
    return f"{PREFIX}/{version}"


def version_of(folder: Path) -> str:
    """Name the content of every file below a folder."""
    digest = hashlib.blake2b(digest_size=6)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(folder)}\0".encode() + hashlib.blake2b(path.read_bytes()).digest())
    return digest.hexdigest()


def modules(folder: Path, but: str) -> list[str]:
    """The page's modules, which it names beforehand: else the browser finds each only after the one that imports it."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.js"))
    return [name for name in names if name != but and ("vendor/" not in name or ".esm." in name)]
