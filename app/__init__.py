"""The service. `create_app` wires it; importing does nothing."""

from __future__ import annotations

from flask import Flask
from flask_socketio import SocketIO

from app import domain
from app.access import Access
from app.live.broadcast import broadcast_for
from app.live.encoding import SocketJson, TextPacket
from app.live.namespace import Live, SocketGate, TrainingNamespace
from app.page import pages
from app.rest import errors, metrics, models, runs, training
from app.rest.api import Api
from app.rest.openapi import INFO
from app.server.prefix import Prefix
from app.server.threads import lock_maker_for, offload_for
from app.settings import ROOT, Settings

MAX_BODY_BYTES = 1024 * 1024


def create_app(settings: Settings, async_mode: str) -> Flask:
    """Build the app. `async_mode` is the server's: "eventlet" or "threading".

    Nothing runs yet: whoever serves the app calls `start`.
    """
    app = Flask("app", root_path=str(ROOT), template_folder="templates", static_folder="static")
    app.config |= {
        "API_TITLE": "Training service",
        "API_VERSION": "v1",
        "OPENAPI_VERSION": "3.1.0",
        "OPENAPI_URL_PREFIX": "/",
        "OPENAPI_JSON_PATH": "openapi.json",
        "MAX_CONTENT_LENGTH": MAX_BODY_BYTES,
    }
    app.url_map.merge_slashes = False  # A path is taken as it is or not at all; no redirects.
    app.json.sort_keys = False  # type: ignore[attr-defined]
    access = Access(settings)
    access.register(app)
    security: list[dict[str, list[str]]] = [{"token": []}]
    spec = {
        "security": security if settings.api_token else [*security, {}],
        "servers": [{"url": "."}],  # below whatever path a proxy shows the document
        "info": INFO,
    }
    api = Api(app, spec_kwargs=spec)
    for blueprint in (pages.blp, training.blp, models.blp, metrics.blp, runs.blp):
        api.register_blueprint(blueprint)
    errors.register(app)
    pages.register(app, access)
    built = domain.build(settings, offload_for(async_mode), lock_maker_for(async_mode))
    app.extensions["domain"] = built
    socketio = SocketIO(
        app,
        async_mode=async_mode,
        cors_allowed_origins=access.is_origin_allowed,
        json=SocketJson,
        serializer=TextPacket,
    )
    if async_mode == "threading":
        from app.live.websocket import survive_lost_connections  # Eventlet does without, and starts sooner.

        survive_lost_connections(socketio)
    live = Live(socketio, broadcast_for(socketio, async_mode), built.supervisor)
    app.extensions["live"] = live
    socketio.on_namespace(TrainingNamespace(live, access))
    app.wsgi_app = SocketGate(app.wsgi_app, socketio, access, settings.max_sockets)  # type: ignore[method-assign]
    app.wsgi_app = Prefix(app.wsgi_app, settings.url_prefix)  # type: ignore[method-assign]
    return app


def start(app: Flask) -> None:
    """Begin to follow the runs, and to tell the connected clients."""
    app.extensions["domain"].supervisor.start(app.extensions["live"].publish)
