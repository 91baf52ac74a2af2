"""The page for people, the page of the API's documentation, and the sign of life."""

from __future__ import annotations

from flask import Flask, Response, render_template

from app import schemas
from app.extensions import Blueprint

blp = Blueprint("pages", __name__, description="Is it alive?")

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)


@blp.get("/ping")
@blp.response(200, schemas.PingSchema)
def ping() -> dict[str, str]:
    """Answer as long as the service lives. Needs no token."""
    return {"status": "ok"}


def register(app: Flask) -> None:
    app.add_url_rule("/", "index", lambda: render_template("index.html"))
    app.add_url_rule("/docs", "docs", lambda: render_template("docs.html"))
    app.after_request(_harden)


def _harden(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    return response
