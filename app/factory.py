"""The app factory. `create_app` wires the service; importing does nothing."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask

from app import domain, live
from app.access import Access
from app.installation import share_dir
from app.monitoring.exposition import Monitoring
from app.page import pages
from app.rest import errors, metrics, models, predictions, prometheus, queue, runs, training, trash
from app.rest.api import Api
from app.rest.openapi import INFO, keep_document
from app.runs.follow.events import Event, SystemMeasured
from app.runs.temporary import remove_abandoned
from app.server.prefix import Prefix
from app.server.threads import lock_maker_for, offload_for
from app.settings import Settings

MAX_BODY_BYTES = 128 * 1024
"""A start with the longest overrides, however they are escaped, has less."""


def create_app(settings: Settings, async_mode: str) -> Flask:
    """Build the app. `async_mode` is the server's: "eventlet" or "threading".

    Nothing runs yet. Whoever serves the app calls `start`.
    """
    app = Flask("app", root_path=str(share_dir()), template_folder="templates", static_folder="static")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.url_map.merge_slashes = False  # Take a path as it is or not at all: no redirects.
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["monitoring"] = Monitoring(app)
    access = Access(settings)
    access.register(app)
    app.extensions["domain"] = domain.build(settings, offload_for(async_mode), lock_maker_for(async_mode))
    _add_rest(app, settings)
    pages.register(app, access)
    supervisor = app.extensions["domain"].supervisor
    app.extensions["emitter"] = live.register(app, access, supervisor, settings.max_sockets, async_mode)
    app.wsgi_app = Prefix(app.wsgi_app, settings.url_prefix)  # type: ignore[method-assign]
    return app


def start(app: Flask) -> None:
    """Start every thread. The supervisor sends what is new to the clients."""
    remove_abandoned()
    supervisor, emitter = app.extensions["domain"].supervisor, app.extensions["emitter"]

    def publish(events: Sequence[Event]) -> None:
        emitter.publish(events)
        if any(isinstance(event, SystemMeasured) for event in events):
            app.extensions["monitoring"].process.observe(emitter.num_clients, supervisor.polled_at)

    supervisor.start(publish)
    app.extensions["domain"].dispatcher.start()
    app.extensions["domain"].notifier.start()
    app.extensions["domain"].expiry.start()


def _add_rest(app: Flask, settings: Settings) -> None:
    app.config |= {
        "API_TITLE": "Training service",
        "API_VERSION": "v1",
        "OPENAPI_VERSION": "3.1.0",
        "OPENAPI_URL_PREFIX": "/",
        "OPENAPI_JSON_PATH": "openapi.json",
    }
    security: list[dict[str, list[str]]] = [{"token": []}]
    spec = {
        "security": security if settings.api_token else [*security, {}],
        "servers": [{"url": "."}],  # relative to the document, so it works below any proxy's prefix
        "info": INFO,
    }
    api = Api(app, spec_kwargs=spec)
    blueprints = (pages, training, queue, models, predictions, metrics, runs, trash, prometheus)
    for blueprint in (each.blp for each in blueprints):
        api.register_blueprint(blueprint)
    keep_document(app)
    errors.register(app)
