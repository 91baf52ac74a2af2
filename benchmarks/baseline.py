"""The baseline of live_latency.py: the same library on the same server, emitting from a loop that does nothing else.

`python -m benchmarks.baseline PORT` on eventlet, `gunicorn -k gthread --threads 100 benchmarks.baseline:app`.
"""

from __future__ import annotations

import sys
import warnings

if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="\\s*Eventlet is deprecated")
    import eventlet

    eventlet.monkey_patch()

import time

from flask import Flask
from flask_socketio import SocketIO

EVERY_S = 0.037

app = Flask(__name__)
socketio = SocketIO(app, async_mode="eventlet" if __name__ == "__main__" else "threading")


@socketio.on("connect", namespace="/training")
def accept() -> None:
    pass


@app.get("/ping")
def ping() -> dict[str, str]:
    return {"status": "ok"}


def emit_for_ever() -> None:
    while True:
        rows = [[0, 0, 1.0, time.time()]]
        payload = {"run_id": "", "columns": ["epoch", "step", "train/loss", "written_at"], "from_row": 0, "rows": rows}
        socketio.emit("metrics", payload, namespace="/training")
        socketio.sleep(EVERY_S)


socketio.start_background_task(emit_for_ever)
if __name__ == "__main__":
    socketio.run(app, port=int(sys.argv[1]), log_output=False)
