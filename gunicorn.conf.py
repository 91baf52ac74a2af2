"""gunicorn for production: one process, many threads. `gunicorn -c gunicorn.conf.py wsgi:app`."""

import os
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # gunicorn itself looks into the current directory alone.

from app.live.sessions import MAX_WAITING
from app.server import openfiles, startup
from app.server.gunicorn_worker import OTHER_THREADS, Worker
from app.server.patience import IDLE_S
from app.server.wire import LIMIT_REQUEST_LINE
from app.settings import SettingsError

SOCKETS_GOING = 32
"""Requests of sockets beyond the open ones: those that end, and those that are refused."""

try:
    _settings = startup.read_settings(os.environ)
except SettingsError as error:
    sys.exit(f"error: {error}")

bind = _settings.address
workers = 1
worker_class = Worker
threads = _settings.max_sockets + MAX_WAITING + SOCKETS_GOING + OTHER_THREADS
worker_connections = openfiles.max_connections(_settings.max_sockets)
keepalive = int(IDLE_S)
sendfile = False  # It would not end for a client that never reads.
limit_request_line = LIMIT_REQUEST_LINE
# An open socket would keep a worker until this ends; the training does not care, and pages reconnect.
graceful_timeout = 4
# It would lie in the home directory, one for all services of a user, and let them be managed past the token.
control_socket_disable = True
timeout = 60


def on_starting(server):
    """Refuse what would not be safe: strangers, and sockets that could take every thread; allow what is promised."""
    _refuse_exposure(server.cfg.address)
    if server.cfg.threads < _settings.max_sockets + OTHER_THREADS:
        sys.exit(
            f"error: --threads {server.cfg.threads} is too few for TRAINING_MAX_SOCKETS={_settings.max_sockets} and "
            f"the {OTHER_THREADS} threads of REST: set more threads or allow fewer sockets."
        )
    openfiles.allow_for(_settings.max_sockets)


def when_ready(server):
    """Look again: sockets that systemd hands over are known only now, before any worker accepts from them."""
    _refuse_exposure(listener.getsockname() for listener in server.LISTENERS)
    for remark in startup.remarks(_settings, os.environ):
        server.log.warning("%s", remark)


def _refuse_exposure(addresses):
    try:
        for address in addresses:
            if isinstance(address, tuple):
                _settings.refuse_exposure(address[0])
    except SettingsError as error:
        sys.exit(f"error: {error}")


def post_worker_init(worker):
    """On SIGTERM let another worker publish at once, and close the sockets so that this one can end."""
    end_gracefully = signal.getsignal(signal.SIGTERM)

    def close_and_end(number, frame):
        # Not in the handler itself: the thread it interrupts may hold the very locks that closing needs.
        threading.Thread(target=_close, args=(worker.wsgi,), daemon=True).start()
        end_gracefully(number, frame)

    signal.signal(signal.SIGTERM, close_and_end)


def _close(app):
    app.extensions["domain"].supervisor.stop()
    server = app.extensions["socketio"].server
    for open_socket in list(server.eio.sockets.values()):
        # Without a farewell packet: a client that is told to go stays away, one that loses its connection comes back.
        open_socket.close(wait=False, abort=True)
