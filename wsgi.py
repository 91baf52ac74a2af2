"""The app object for gunicorn (`gunicorn -c gunicorn.conf.py wsgi:app`); `python wsgi.py` serves by itself."""

from __future__ import annotations

import gc
import os
import sys
import warnings

if __name__ == "__main__":
    import signal
    from os import write  # Eventlet replaces it by one that a signal handler cannot call.

    from process_one import serve_below

    def end_quietly(number: int, _: object) -> None:
        """End as by any signal, without a traceback of what the service did at the moment."""
        signal.signal(number, signal.SIG_DFL)
        try:
            write(2, b"The service has ended. Active runs continue.\n")
        finally:
            os.kill(os.getpid(), number)

    serve_below()
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # A shell's background job ignores Ctrl-C.
        signal.signal(signal.SIGINT, end_quietly)
    # We know. Who does not want eventlet serves with gunicorn.
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    # The service looks up no host names, so it does not need eventlet's DNS library.
    os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
    import eventlet

    # Before any other import: under eventlet every blocking call has to yield.
    eventlet.monkey_patch()

import logging

from flask import Flask

from app.factory import create_app, start
from app.server import openfiles, startup
from app.server.threads import LogHandler
from app.settings import Settings, SettingsError

logger = logging.getLogger("training")

SWITCH_INTERVAL_S = 50e-6
"""How long eventlet's loop waits for the interpreter before it demands it. A thread that reads many files releases the
interpreter every 100 us and takes it back at once. Python's 5 ms never pass in between: each system call of the loop
waited for milliseconds, and a list of 3,000 experiments paused it for 400 ms."""


def serve_app(async_mode: str) -> Flask:
    """Create the app and start its supervisor."""
    app = create_app(Settings.from_environment(os.environ), async_mode)
    app.extensions["domain"].store.ids()  # Sorting thousands of runs takes a second. Do it before anybody waits.
    gc.freeze()  # A collection of everything imported so far would block eventlet's loop for 50 ms.
    start(app)
    return app


def main() -> None:
    """Serve on eventlet until Ctrl-C or SIGTERM."""
    from app.server.eventlet_server import Server  # Not at the top: gunicorn does not need eventlet.

    line = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=line, handlers=[LogHandler()])
    settings = startup.read_settings(os.environ)
    settings.refuse_exposure(settings.host)
    openfiles.allow_for(settings.max_sockets)
    for remark in startup.remarks(settings, os.environ):
        logger.warning("%s", remark)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    app = serve_app("eventlet")
    server = Server(app, settings.host, settings.port)
    logger.info("Open http://%s (runs are kept in %s)", settings.address, settings.runs_dir)
    server.serve(openfiles.max_connections(settings.max_sockets))


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
