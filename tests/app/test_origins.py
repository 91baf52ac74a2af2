"""Access without a token: the origin of a web page, and the host name of the request."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import socketio
from socketio.exceptions import ConnectionError as Refused

from app.factory import create_app
from app.settings import Settings
from tests.app.answers import ask, check_shape, problem, tree
from tests.app.written import write_run
from tests.conftest import end
from tests.servers import JOIN_TIMEOUT_S, KINDS, LiveServer, disconnect

ALLOWED = "https://dashboard.example:8443"
EVIL = "https://evil.example"
OWN_ORIGIN: dict[str, Any] = {"websocket_extra_options": {"suppress_origin": True}}
"""Stops the client from adding the server's own address to the origin of the test."""


@pytest.fixture(scope="module", params=KINDS)
def local(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server without a token, as on a developer's machine. It allows one other origin."""
    server = LiveServer(tmp_path_factory.mktemp("local"), request.param, TRAINING_CORS_ORIGINS=f"{ALLOWED}/")
    server.start()
    yield server
    end(server)


@pytest.fixture
def active(local: LiveServer, tmp_path: Path) -> Iterator[tuple[LiveServer, str]]:
    run_id = local.start_run(local.write_command("waiting", "wait_for_file.py", str(tmp_path / "end")))
    yield local, run_id
    local.post("/training/stop", {"mode": "discard"})


SIMPLE = {
    "JSON": {"Content-Type": "application/json"},
    "a form": {"Content-Type": "application/x-www-form-urlencoded"},
    "text": {"Content-Type": "text/plain"},
    "multipart": {"Content-Type": "multipart/form-data; boundary=x"},
    "no type": {},
}


@pytest.mark.parametrize(
    "origin", [EVIL, "null", "", "https://dashboard.example", "http://localhost.evil.example", "http://["]
)
@pytest.mark.parametrize("headers", SIMPLE.values(), ids=SIMPLE)
def test_a_page_of_another_origin_cannot_start_a_run(local: LiveServer, headers: dict[str, str], origin: str) -> None:
    config = local.write_command("quick", "exit_with.py", "0")
    before = tree(local.home)
    for method, path, body in (("POST", "start", {"config_name": config}), ("GET", "status", None)):
        status, answer = ask(local, method, f"/training/{path}", body, Origin=origin, **headers)
        assert status == 403
        check_shape(answer, 403)
    assert tree(local.home) == before


def test_a_page_of_another_origin_cannot_stop_or_delete_a_run(active: tuple[LiveServer, str]) -> None:
    server, run_id = active
    other = write_run(server.runs_dir, f"run-{time.monotonic_ns()}")
    for body in (None, b"", {}):
        status, answer = ask(server, "POST", "/training/stop", body, Origin=EVIL)
        assert status == 403
        assert "TRAINING_CORS_ORIGINS" in check_shape(answer, 403)["message"]
    assert ask(server, "DELETE", f"/training/models/{other.name}", Origin=EVIL)[0] == 403
    assert other.is_dir()
    assert server.get("/training/status").json()["state"] == "running"
    assert not (server.runs_dir / run_id / "stop.json").exists()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_page_of_another_origin_cannot_subscribe(local: LiveServer, transport: str) -> None:
    client = socketio.Client(reconnection=False, **OWN_ORIGIN)
    with pytest.raises(Refused):
        client.connect(
            local.url, headers={"Origin": EVIL}, namespaces=["/training"], transports=[transport], wait_timeout=5
        )
    disconnect(client)
    refused = local.get("/socket.io/?EIO=4&transport=polling", headers={"Origin": EVIL})
    problem(refused, 403)
    assert "Access-Control-Allow-Origin" not in refused.headers


def test_a_preflight_does_not_allow_other_origins(local: LiveServer) -> None:
    headers = {
        "Origin": EVIL,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    for path in ("/training/start", "/training/stop", "/training/models/x"):
        answer = requests.options(local.url + path, headers=headers, timeout=10)
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Access-Control-Allow-Origin" not in local.get("/training/status", headers={"Origin": EVIL}).headers


def test_an_allowed_origin_may_send_every_request(local: LiveServer) -> None:
    headers = {
        "Origin": ALLOWED,
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    preflight = requests.options(local.url + "/training/models/x", headers=headers, timeout=10)
    assert preflight.ok
    assert preflight.headers["Access-Control-Allow-Origin"] == ALLOWED
    assert "DELETE" in preflight.headers["Access-Control-Allow-Methods"]
    assert preflight.headers["Access-Control-Allow-Headers"].lower() == "authorization, content-type"
    for answer in (
        local.post("/training/stop", headers={"Origin": ALLOWED}),
        local.get("/training/status", headers={"Origin": ALLOWED}),
    ):
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == ALLOWED
    wrong = local.post("/training/start", {"config_name": "none"}, headers={"Origin": ALLOWED})
    problem(wrong, 404)
    assert wrong.headers["Access-Control-Allow-Origin"] == ALLOWED


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("origin", [ALLOWED, "own"])
def test_an_allowed_origin_may_subscribe(local: LiveServer, origin: str, transport: str) -> None:
    client = socketio.Client(**OWN_ORIGIN)
    headers = {"Origin": local.url if origin == "own" else origin}
    client.connect(
        local.url, headers=headers, namespaces=["/training"], transports=[transport], wait_timeout=JOIN_TIMEOUT_S
    )
    try:
        assert "run" in client.call("subscribe", {}, namespace="/training", timeout=10)
    finally:
        disconnect(client)


def test_a_page_behind_a_proxy_has_our_own_origin(local: LiveServer) -> None:
    proxied = {"Origin": "https://train.example", "X-Forwarded-Host": "train.example", "X-Forwarded-Proto": "https"}
    assert local.post("/training/stop", headers=proxied).status_code == 200
    problem(local.post("/training/stop", headers=proxied | {"Origin": EVIL}), 403)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "["]
)
def test_an_unknown_host_name_is_refused(local: LiveServer, host: str) -> None:
    for method, path in (
        ("GET", "/training/status"),
        ("POST", "/training/stop"),
        ("GET", "/socket.io/?EIO=4&transport=polling"),
    ):
        status, body = ask(local, method, path, Host=host, Origin=f"http://{host}", X_Forwarded_Host="localhost")
        assert status in (400, 403), (path, body)
        if method == "GET":  # A browser sends no Origin with a same-origin GET.
            assert ask(local, method, path, Host=host)[0] in (400, 403)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "192.168.1.7", "[::1]:8000", "box.localhost", "dashboard.example"],
)
def test_ip_addresses_and_known_host_names_are_accepted(local: LiveServer, host: str) -> None:
    for path in ("/training/status", "/socket.io/?EIO=4&transport=polling"):
        assert ask(local, "GET", path, Host=host)[0] == 200


def test_the_host_name_of_the_machine_is_accepted(local: LiveServer) -> None:
    assert ask(local, "GET", "/training/status", Host=f"{socket.gethostname()}:8000")[0] == 200


def test_an_anonymous_service_still_refuses_unknown_host_names(tmp_path: Path) -> None:
    settings = Settings(runs_dir=tmp_path / "runs", allow_anonymous=True, cors_origins=("http://gpu-box",))
    client = create_app(settings, "threading").test_client()
    assert client.get("/training/status", headers={"Host": "gpu-box"}).status_code == 200
    for path in ("/training/status", "/socket.io/?EIO=4&transport=polling"):
        assert client.get(path, headers={"Host": "evil.example"}).status_code == 403
        assert client.get(path, headers={"Host": "gpu-box", "Origin": EVIL}).status_code == 403


def test_a_service_that_allows_any_origin_allows_any_host_name(tmp_path: Path) -> None:
    client = create_app(Settings(runs_dir=tmp_path / "runs", cors_origins=("*",)), "threading").test_client()
    for headers in ({"Host": "gpu-box"}, {"Host": "gpu-box", "Origin": EVIL}):
        assert client.get("/training/status", headers=headers).status_code == 200
