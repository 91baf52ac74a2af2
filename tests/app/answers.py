"""Checks that every answer of the service must pass."""

from __future__ import annotations

import http.client
import json
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests

from tests.servers import LiveServer

ONE_SHAPE = {"code", "status", "message", "errors"}


def problem(answer: requests.Response, code: int, **more: Any) -> dict[str, Any]:
    """Check that an answer is an error in the one shape and return its body. `more`: extra fields or `status`."""
    assert answer.status_code == code, answer.text
    return check_shape(answer.json(), code, "/training/metrics/" in answer.url and code in (404, 422), **more)


def check_shape(body: dict[str, Any], code: int, is_of_metrics: bool = False, **more: Any) -> dict[str, Any]:
    """Check that a body has the one shape. The contract adds `error` to the errors of the resource metrics."""
    if is_of_metrics:
        more["error"] = body["message"]
    assert set(body) == ONE_SHAPE | set(more), body
    expected = {"code": code, "status": HTTPStatus(code).phrase} | more
    assert {name: body[name] for name in expected} == expected
    assert len(body["message"].split()) > 2, body
    assert isinstance(body["errors"], dict)
    return body


def ask(server: LiveServer, method: str, target: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """Send a request without normalising its target; return the code and the body, parsed if it is JSON."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.putrequest(method, target, skip_host="Host" in headers)
        content = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if content is not None:
            headers = {"Content-Type": "application/json", "Content-Length": str(len(content))} | headers
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(content)
        answer = connection.getresponse()
        raw = answer.read()
    finally:
        connection.close()
    is_json = answer.headers.get_content_type() == "application/json"
    return answer.status, json.loads(raw) if is_json and raw else raw


def tree(folder: Path) -> dict[str, Any]:
    """Return the content of every file below a folder, to check that a request changes none of them.

    Lock files are left out: the service takes a lock to inspect it.
    """
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if path.name != "server.log" and ".lock" not in path.name
    }


def metrics_of(server: LiveServer, run: Path, query: str = "") -> dict[str, Any]:
    """Get a run's metrics, as valid JSON."""
    answer = server.get(f"/training/metrics/runs/{run.name}{query}")
    assert answer.status_code == 200, answer.text
    assert "NaN" not in answer.text
    return dict(answer.json())
