"""The service on eventlet, with a clock in its loop: `python -m benchmarks.ticking_server`.

`GET /longest-pause` returns the longest time, in milliseconds, for which the loop was blocked since the last request.
"""

from __future__ import annotations

import warnings

warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
import eventlet  # noqa: E402

eventlet.monkey_patch()

import gc  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402

from app.factory import create_app, start  # noqa: E402
from app.server import startup  # noqa: E402
from app.server.eventlet_server import Server  # noqa: E402

TICK_S = 0.005


def main() -> None:
    sys.setswitchinterval(50e-6)  # As wsgi.py does.
    settings = startup.read_settings(os.environ)
    app = create_app(settings, "eventlet")
    gc.freeze()  # wsgi.py does the same.
    start(app)
    longest_s = 0.0

    def tick() -> None:
        nonlocal longest_s
        while True:
            began_s = time.perf_counter()
            eventlet.sleep(TICK_S)
            longest_s = max(longest_s, time.perf_counter() - began_s - TICK_S)

    @app.get("/longest-pause")
    def longest_pause() -> dict[str, float]:
        nonlocal longest_s
        ms, longest_s = 1000 * longest_s, 0.0
        return {"ms": ms}

    eventlet.spawn(tick)
    Server(app, settings.host, settings.port).serve(max_connections=100)


if __name__ == "__main__":
    main()
