"""The app object for gunicorn (`gunicorn -c gunicorn.conf.py wsgi:app`); `python wsgi.py` serves by itself."""

from __future__ import annotations

import gc
import os
import sys
import warnings

if __name__ == "__main__":
    from process_one import serve_below

    serve_below()
    # Known; gunicorn is the other way to serve.
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    # No host names are looked up here, so eventlet's own way of doing that need not be imported.
    os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
    import eventlet

    # Before anything else is imported: under eventlet every blocking call has to yield.
    eventlet.monkey_patch()

if "engineio" not in sys.modules:
    # Until all is imported: each collection goes through everything so far, and finds nothing worth the time.
    gc.disable()
    # It would import these for its clients, of which there are none here: a quarter of the time to start.
    sys.modules.update(dict.fromkeys(("aiohttp", "requests")))  # type: ignore[arg-type]

import logging

from flask import Flask

from app import create_app, start
from app.server import openfiles, startup
from app.settings import Settings, SettingsError

logger = logging.getLogger("training")

REST_CONNECTIONS = 256
"""Connections that are accepted beyond the sockets."""


def serve_app(async_mode: str) -> Flask:
    """Create the app and start its supervisor."""
    app = create_app(Settings.from_environment(os.environ), async_mode)
    app.extensions["domain"].store.ids()  # Of thousands of runs the order takes a second once, while nobody waits yet.
    # What was imported stays: to go through all of that would be a pause of 50 ms, in which eventlet does nothing else.
    gc.freeze()
    gc.enable()
    start(app)
    return app


def main() -> None:
    """Serve on eventlet until Ctrl-C or SIGTERM."""
    from app.server.eventlet_server import Server  # Only here: gunicorn does without eventlet.

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = startup.read_settings(os.environ)
    settings.refuse_exposure(settings.host)
    openfiles.allow_for(settings.max_sockets)
    for remark in startup.remarks(settings, os.environ):
        logger.warning("%s", remark)
    app = serve_app("eventlet")
    server = Server(app, settings.host, settings.port)
    logger.info("Open http://%s (runs are kept in %s)", settings.address, settings.runs_dir)
    server.serve(settings.max_sockets + REST_CONNECTIONS)


if __name__ == "__main__":
    try:
        main()
    except SettingsError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: cannot serve: {error}")
else:
    try:
        app = serve_app("threading")
    except SettingsError as error:
        sys.exit(f"error: {error}")
