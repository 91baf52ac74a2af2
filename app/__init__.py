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
from app.runs.executors.local.lock import SUPERVISOR, SupervisorLock
from app.runs.follow.supervisor import Supervisor
from app.runs.follow.system import SystemMonitor
from app.runs.follow.usage import LoadHistory
from app.server.prefix import Prefix
from app.server.threads import lock_maker_for, offload_for
from app.settings import ROOT, Settings
from app.shortcut import StatusShortcut

MAX_BODY_BYTES = 1024 * 1024


def create_app(settings: Settings, async_mode: str) -> Flask:
    """Build the app. `async_mode` is the server's: "eventlet" or "threading".

    Nothing runs yet: whoever serves the app starts `app.extensions["supervisor"]`.
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
    built = domain.build(settings, lock_maker_for(async_mode))
    app.extensions["domain"] = built
    app.extensions["offload"] = offload_for(async_mode)
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
    live = Live(socketio, broadcast_for(socketio, async_mode))
    load = LoadHistory(SystemMonitor(settings.runs_dir, built.prewarm).measure)
    app.extensions["load"] = load
    supervisor = Supervisor(
        built.store,
        SupervisorLock(settings.runs_dir.parent / SUPERVISOR),
        publish=live.publish,
        measure=load.measure,
        poll_interval_s=settings.poll_interval_s,
        prewarm=built.prewarm,
    )
    live.supervisor = supervisor
    socketio.on_namespace(TrainingNamespace(live, access))
    app.wsgi_app = SocketGate(app.wsgi_app, socketio, access, settings.max_sockets)  # type: ignore[method-assign]
    app.wsgi_app = StatusShortcut(app.wsgi_app, built.status, access)  # type: ignore[method-assign]
    app.wsgi_app = Prefix(app.wsgi_app, settings.url_prefix)  # type: ignore[method-assign]
    app.extensions["supervisor"] = supervisor
    return app
