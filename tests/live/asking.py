"""Send every GET request that the service knows."""

from __future__ import annotations

import json

import pytest
import requests

from tests.routes import every_get
from tests.servers import LiveServer


def ask_everything(server: LiveServer, run_id: str) -> None:
    """Send every GET. Fail on a 5xx status, or on a JSON response that is not valid JSON."""
    with requests.Session() as session:
        for path in every_get(run_id=run_id, name="none", path="state.json", filename="main.js"):
            answer = session.get(server.url + path, timeout=60)
            assert answer.status_code < 500, (path, answer.text)
            if answer.headers["Content-Type"] == "application/json":
                json.loads(answer.text, parse_constant=lambda name: pytest.fail(f"{name} is not valid in JSON"))
