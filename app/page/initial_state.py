"""The initial state in the HTML, which lets the page show a run before its socket is open.

The state is the answer to a subscription to the run from its beginning. The socket continues from there.
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
"""The HTML does not wait for larger metrics. The page then gets everything from its socket."""


def initial_state(access: Access, run_id: str | None) -> Markup:
    """Describe a run (None: the active or last one) as JSON, or return null if the request may not see it.

    The JSON is encoded as for the socket, with null for NaN, which browsers refuse. It cannot contain an HTML tag.
    """
    return htmlsafe_json_dumps(_answer(access, run_id), dumps=SocketJson.dumps)


def _answer(access: Access, run_id: str | None) -> dict[str, object] | None:
    if access.refusal(request.environ) is not None or access.grant_of(request.environ) is None:
        return None
    try:
        return domain().supervisor.describe(run_id) if _is_small(run_id) else None
    except (RunError, OSError):
        return None  # The socket reports the problem.


def _is_small(run_id: str | None) -> bool:
    """Return whether the run's metrics, and what they are collected from, are small enough. True if there is no run.

    Raises RunNotFound and OSError.
    """
    store = domain().store
    run = store.find(run_id) if run_id is not None else store.latest()
    if run is None:
        return True
    found = domain().metrics.find(run)
    logs = [run.directory.log] if found.file is None and run.outputs.log.patterns else []
    files = [run.directory.file(path) for path in (*found.files, *logs)]
    return sum(file.status().st_size for file in files if file.exists()) <= MAX_METRICS_BYTES
