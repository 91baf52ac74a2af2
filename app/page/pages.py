"""The page for people, the API documentation, and /ping."""

from __future__ import annotations

import gzip
from pathlib import Path

from flask import Flask, Response, render_template, request

from app.access import Access
from app.page.assets import SCRIPT, STYLES, Assets
from app.page.initial_state import initial_state
from app.rest.api import Blueprint
from app.runs.store.states import STATES
from app.schemas.answers import PingSchema

blp = Blueprint("pages", __name__, description="Whether the service is up.")

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
)
"""Allow only our own files and nothing inline. REST sends it too, in case a browser shows an answer as a page."""

SAFETY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""The headers of every response."""

RUN_VIEWS = ("now", "run")
"""The views that show one run."""

VIEWS = {
    "/": "now",
    "/runs": "runs",
    "/runs/<run_id>": "run",
    "/models": "models",
    "/try": "try",
    "/start": "start",
}
"""The address of each view, so that people can share it."""

DOCS_HEADERS = SAFETY_HEADERS | {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
}
"""Those of /docs. Swagger UI writes style attributes."""


@blp.get("/ping")
@blp.doc(security=[])
@blp.answers(200, PingSchema)
@blp.errors(is_open=True)
def ping() -> dict[str, str]:
    """Answer while the service is up. This needs no token."""
    return {"status": "ok"}


def register(app: Flask, access: Access) -> None:
    assert app.static_folder is not None
    assets = Assets(Path(app.static_folder))
    files = {"assets": assets.address.removeprefix("/"), "styles": STYLES, "script": SCRIPT}
    least = access.least

    def page(view: str, run_id: str | None = None) -> Response:
        """Render the page with a view. A query with `runs` shows their comparison at any address."""
        if request.args.get("runs"):
            view = "compare"
        state = initial_state(access, run_id) if view in RUN_VIEWS else "null"
        root = "../" * (request.path.count("/") - 1) or "./"  # A relative root works under any path of a proxy.
        shown = {"view": view, "modules": assets.modules(view), "states": STATES}
        shown |= {"initial_state": state, "access": least}
        return _packed(render_template("index.html", root=root, **shown, **files))

    for path, view in VIEWS.items():
        app.add_url_rule(path, f"page_{view}", page, defaults={"view": view})
    app.add_url_rule("/docs", "docs", lambda: render_template("docs.html"))
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


def _harden(response: Response) -> Response:
    response.headers.extend(DOCS_HEADERS if request.endpoint == "docs" else SAFETY_HEADERS)
    return response
