"""gunicorn for production: `gunicorn -c gunicorn.conf.py wsgi:app`. One process of many threads, or several with -w."""

import os
import shutil
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # gunicorn itself searches only the current directory.

from app.live.sessions import MAX_WAITING
from app.runs.child import SHARED_METRICS_VARIABLE
from app.runs.temporary import make_folder
from app.server import openfiles, startup
from app.server.gunicorn_worker import OTHER_THREADS, Worker
from app.server.patience import IDLE_S
from app.server.wire import LIMIT_REQUEST_LINE
from app.settings import SettingsError
from process_one import serve_below

CLOSING_SOCKETS = 32
"""Threads for sockets that are being closed or refused, in addition to the open ones."""

serve_below()
try:
    _settings = startup.read_settings(os.environ)
except SettingsError as error:
    sys.exit(f"error: {error}")

bind = _settings.address
# Each worker follows the runs for its own sockets, so -w may say more. See docs/operations.md. Limits count in each.
workers = 1
worker_class = Worker
threads = _settings.max_sockets + MAX_WAITING + CLOSING_SOCKETS + OTHER_THREADS
worker_connections = openfiles.max_connections(_settings.max_sockets)
keepalive = int(IDLE_S)
sendfile = False  # os.sendfile would never end for a client that never reads.
limit_request_line = LIMIT_REQUEST_LINE
# An open socket keeps a stopping worker for this long. That does not affect the training, and pages reconnect.
graceful_timeout = 4
# gunicorn would put the control socket into the home directory, one for all services of a user. Anybody who reaches it
# could manage the services without the token.
control_socket_disable = True
timeout = 60


def on_starting(server):
    """Refuse unsafe addresses and too few threads, and raise the limit on open files for the sockets."""
    _refuse_exposure(server.cfg.address)
    if server.cfg.threads < _settings.max_sockets + OTHER_THREADS:
        sys.exit(
            f"error: --threads {server.cfg.threads} is too few for TRAINING_MAX_SOCKETS={_settings.max_sockets} and "
            f"the {OTHER_THREADS} threads of REST. Set more threads or allow fewer sockets."
        )
    openfiles.allow_for(_settings.max_sockets)
    # Set before a worker imports prometheus_client. The workers add up their requests in the files of this folder.
    os.environ[SHARED_METRICS_VARIABLE] = str(make_folder())


def child_exit(server, worker):
    """Forget the sockets of a worker that has ended, and keep the number of its requests."""
    from prometheus_client import multiprocess  # Not at the top: it reads the variable when it is imported.

    multiprocess.mark_process_dead(worker.pid)


def on_exit(server):
    shutil.rmtree(os.environ[SHARED_METRICS_VARIABLE], ignore_errors=True)


def when_ready(server):
    """Check the addresses again, because sockets from systemd are known only now. No worker accepts from them yet."""
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
    """Make SIGTERM stop the supervisor, so that another worker takes over at once, and close the sockets."""
    end_gracefully = signal.getsignal(signal.SIGTERM)

    def close_and_end(number, frame):
        # A thread closes the sockets, because the interrupted thread may hold the locks that closing needs.
        threading.Thread(target=_close, args=(worker.wsgi,), daemon=True).start()
        end_gracefully(number, frame)

    signal.signal(signal.SIGTERM, close_and_end)


def _close(app):
    app.extensions["domain"].dispatcher.stop()
    app.extensions["domain"].notifier.stop()
    app.extensions["domain"].supervisor.stop()
    server = app.extensions["socketio"].server
    for open_socket in list(server.eio.sockets.values()):
        # Send no close packet. A client stays away after a close packet, and reconnects after a lost connection.
        open_socket.close(wait=False, abort=True)
