"""What the page is told together with its HTML, so that it shows a run before its socket is open.

It is the answer to a subscription to that run from its beginning (`Supervisor.tell`): the page goes on from there.
"""

from __future__ import annotations

from flask import request
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from app.access import Access
from app.domain import domain
from app.live.encoding import SocketJson
from app.runs.exceptions import RunError

MAX_METRICS_BYTES = 100_000
"""Of a run with more metrics the page is told by its socket alone: the HTML would have to wait for them."""


def opening(access: Access, run_id: str | None) -> Markup:
    """Tell of a run (None: of the active or last one) what the present request may know without more ado, or null.

    It is JSON as the socket has it (null for NaN, or the browser would refuse all of it), which no tag can be in.
    """
    return htmlsafe_json_dumps(_told(access, run_id), dumps=SocketJson.dumps)


def _told(access: Access, run_id: str | None) -> dict[str, object] | None:
    if access.refusal(request.environ) is not None or not access.is_authorised(request.environ):
        return None
    try:
        return domain().supervisor.tell(run_id) if _is_small(run_id) else None
    except (RunError, OSError):
        return None  # The socket says what is wrong.


def _is_small(run_id: str | None) -> bool:
    """Whether the run's metrics are read at once; also of no run at all. Raises RunNotFound, OSError."""
    store = domain().store
    run = store.find(run_id) if run_id is not None else store.latest()
    file = run.directory.find_metrics() if run is not None else None
    return file is None or file.status().st_size <= MAX_METRICS_BYTES
