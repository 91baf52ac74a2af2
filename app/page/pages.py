"""The page for people, the page of the API's documentation, and the sign of life."""

from __future__ import annotations

import gzip
from pathlib import Path

from flask import Flask, Response, render_template, request

from app import schemas
from app.access import Access
from app.page.assets import SCRIPT, STYLES, Assets
from app.page.initial_state import opening
from app.rest.api import Blueprint
from app.runs.store.states import STATES

blp = Blueprint("pages", __name__, description="Is it alive?")

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing but our own files, nothing inline: also the answers of REST, should a browser ever show one as a page."""

SAFETY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""Of every answer."""

OF_RUN = ("now", "run")
"""The views that show one run above all."""

VIEWS = {"/": "now", "/runs": "runs", "/runs/<run_id>": "run", "/models": "models", "/start": "start"}
"""The page's addresses, so that each of its views can be shared."""

DOCS_CONTENT_SECURITY_POLICY = CONTENT_SECURITY_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
"""Swagger UI writes style attributes."""


@blp.get("/ping")
@blp.doc(operationId="ping", security=[])
@blp.answers(200, schemas.PingSchema)
def ping() -> dict[str, str]:
    """Answer as long as the service lives. Needs no token."""
    return {"status": "ok"}


def register(app: Flask, access: Access) -> None:
    assert app.static_folder is not None
    assets = Assets(Path(app.static_folder))
    files = {"assets": assets.address.removeprefix("/"), "styles": STYLES, "script": SCRIPT, "modules": assets.modules}

    def page(view: str, run_id: str | None = None) -> Response:
        """The page, at each of its addresses: it shows at once the view that the address names."""
        told = opening(access, run_id) if view in OF_RUN else "null"
        root = "../" * (request.path.count("/") - 1) or "./"  # Relative: right below any path that a proxy shows.
        return _packed(render_template("index.html", root=root, view=view, states=STATES, opening=told, **files))

    for path, view in VIEWS.items():
        app.add_url_rule(path, f"page_{view}", page, defaults={"view": view})
    app.add_url_rule("/docs", "docs", _docs)
    app.add_url_rule("/favicon.ico", "favicon", lambda: app.send_static_file("favicon.svg"))
    app.after_request(_harden)
    app.wsgi_app = assets.before(app.wsgi_app, SAFETY_HEADERS)  # type: ignore[assignment, method-assign]


def _packed(text: str) -> Response:
    response = Response(text)
    response.cache_control.no_store = True
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] > 0:
        response.data = gzip.compress(response.data, compresslevel=6)
        response.content_encoding = "gzip"
    return response


def _docs() -> Response:
    response = Response(render_template("docs.html"))
    response.headers["Content-Security-Policy"] = DOCS_CONTENT_SECURITY_POLICY
    return response


def _harden(response: Response) -> Response:
    for name, value in SAFETY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response
