"""The same library on the same server, emitting events from a loop, to isolate the cost of following files.

`python -m benchmarks.baselines.emitting PORT` on eventlet; `gunicorn -k gthread benchmarks.baselines.emitting:app`.
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

from benchmarks.followers import EVERY_S

COLUMNS = ["epoch", "step", "train/loss", "written_at"]

app = Flask(__name__)
socketio = SocketIO(app, async_mode="eventlet" if __name__ == "__main__" else "threading")


@socketio.on("connect", namespace="/training")
def accept() -> None:
    pass


@app.get("/ping")
def ping() -> dict[str, str]:
    return {"status": "ok"}


def emit_forever() -> None:
    row = 0
    while True:
        rows = [[0, row, 1.0, time.time()]]
        payload = {"run_id": "", "columns": COLUMNS, "from_row": row, "rows": rows, "non_finite": {}}
        socketio.emit("metrics", payload, namespace="/training")
        row += 1
        socketio.sleep(EVERY_S)


socketio.start_background_task(emit_forever)
if __name__ == "__main__":
    socketio.run(app, port=int(sys.argv[1]), log_output=False, max_size=2000)
