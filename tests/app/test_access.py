"""Access control: the token, the origin of a web page, and the host name of the request."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import socketio
from socketio.exceptions import ConnectionError as Refused

from tests.app.answers import ask, check_shape, problem, tree
from tests.app.written import METRICS, write_model, write_run
from tests.conftest import end
from tests.servers import KINDS, LiveServer, disconnect
from tests.trainer.trainings import write_images
from tests.waiting import wait_until

TOKEN = "correct-horse-battery-staple"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ALLOWED = "https://dashboard.example:8443"
EVIL = "https://evil.example"
OWN_ORIGIN: dict[str, Any] = {"websocket_extra_options": {"suppress_origin": True}}
"""Stops the client from adding the server's own address to the origin of the test."""


@pytest.fixture(scope="module", params=KINDS)
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with a token, a dataset and one run with a model."""
    server = LiveServer(tmp_path_factory.mktemp("guarded"), request.param, TRAINING_API_TOKEN=TOKEN)
    write_model(write_run(server.runs_dir, "run-1", metrics=METRICS, log=b"secret log"))
    server.write_command("program", "exit_with.py", "0")
    write_images(server.data_dir / "pets", {"cat": 60, "dog": 180}, counts=(2, 1, 1))
    server.start()
    yield server
    end(server)


CALLS = [
    ("POST", "/training/start"), ("POST", "/training/stop"), ("GET", "/training/status"), ("GET", "/training/configs"),
    ("GET", "/training/configs/program.yaml"), ("GET", "/training/datasets"), ("GET", "/training/trained_models"),
    ("GET", "/training/models"), ("GET", "/training/models/run-1/download"), ("DELETE", "/training/models/run-1"),
    ("GET", "/training/metrics/latest"), ("GET", "/training/metrics/runs"), ("GET", "/training/metrics/runs/run-1"),
    ("GET", "/training/metrics/runs/run-1/summary"), ("GET", "/training/runs/run-1"),
    ("GET", "/training/runs/run-1/log"), ("GET", "/training/runs/run-1/artifacts"),
    ("GET", "/training/runs/run-1/artifacts/train.log"), ("HEAD", "/training/runs/run-1/artifacts/train.log"),
    ("POST", "/training/check"), ("GET", "/training/parameters"), ("GET", "/training/system"),
    ("GET", "/training/datasets/pets/preview"),
    ("GET", "/training/nothing"), ("GET", "/training"), ("PUT", "/training/status"), ("GET", "//training/status"),
    ("GET", "/%74raining/status"), ("GET", "/training%2fstatus"), ("GET", "/./training/status"),
    ("GET", "/docs/../training/status"),
]  # fmt: skip

WRONG = {
    "none": {},
    "wrong": {"Authorization": "Bearer wrong"},
    "empty": {"Authorization": "Bearer "},
    "a prefix": {"Authorization": f"Bearer {TOKEN[:-1]}"},
    "a longer one": {"Authorization": f"Bearer {TOKEN}x"},
    "another case": {"Authorization": f"Bearer {TOKEN.upper()}"},
    "basic": {"Authorization": f"Basic {TOKEN}"},
    "no scheme": {"Authorization": TOKEN},
    "not ASCII": {"Authorization": "Bearer \xff"},
    "a cookie": {"Cookie": f"token={TOKEN}"},
}


@pytest.mark.parametrize("headers", WRONG.values(), ids=WRONG)
def test_every_training_route_requires_the_token(guarded: LiveServer, headers: dict[str, str]) -> None:
    before = tree(guarded.home)
    for method, path in CALLS:
        status, body = ask(
            guarded, method, path, {"config_name": "program.yaml"} if method == "POST" else None, **headers
        )
        assert status in (401, 404), (method, path)
        assert status == 401 or not path.startswith("/training/"), (method, path)
        if method != "HEAD":
            check_shape(body, status)
    assert tree(guarded.home) == before


def test_a_401_names_the_required_header(guarded: LiveServer) -> None:
    answer = guarded.get("/training/status")
    assert "Authorization: Bearer" in problem(answer, 401)["message"]
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert TOKEN not in answer.text


@pytest.mark.parametrize("query", ["?token=", "?api_token=", "?access_token="])
def test_a_token_in_the_query_is_refused(guarded: LiveServer, query: str) -> None:
    problem(guarded.get(f"/training/status{query}{TOKEN}"), 401)


def test_every_route_answers_with_the_token(guarded: LiveServer) -> None:
    for method, path in CALLS:
        if method == "GET" and path.startswith("/training/") and "nothing" not in path:
            assert guarded.get(path, headers=BEARER).status_code == 200, path
    assert guarded.get("/training/status", headers={"Authorization": f"bearer  {TOKEN} "}).status_code == 200
    answer = guarded.post("/training/stop", headers=BEARER)
    assert answer.json()["status"] == "not_running"


@pytest.mark.parametrize("path", ["/ping", "/", "/docs", "/openapi.json"])
def test_the_page_and_the_docs_need_no_token(guarded: LiveServer, path: str) -> None:
    answer = guarded.get(path)
    assert answer.status_code == 200
    assert TOKEN not in answer.text


NO_TOKENS: list[Any] = [None, {}, {"token": ""}, {"token": "wrong"}, {"token": None}, {"token": [TOKEN]}, TOKEN]


@pytest.mark.parametrize("auth", NO_TOKENS)
def test_a_websocket_without_the_token_is_refused(guarded: LiveServer, auth: Any) -> None:
    client = socketio.Client(reconnection=False)
    received: list[Any] = []
    client.on("*", lambda *event: received.append(event), namespace="/training")
    with pytest.raises(Refused):
        client.connect(guarded.url, auth=auth, namespaces=["/training"], transports=["websocket"], wait_timeout=5)
    disconnect(client)
    assert received == []


@pytest.mark.parametrize("auth", NO_TOKENS)
def test_polling_without_the_token_is_refused(guarded: LiveServer, auth: Any) -> None:
    """Send each request by hand: the client library takes up to 25 seconds after a refusal."""
    opened = guarded.get("/socket.io/?EIO=4&transport=polling").text
    address = f"/socket.io/?EIO=4&transport=polling&sid={json.loads(opened[1:])['sid']}"
    guarded.post(address, data="40/training," + ("" if auth is None else json.dumps(auth)))
    guarded.post(address, data='42/training,0["subscribe",{}]')
    reply = guarded.get(address).text
    guarded.post(address, data="1")
    assert reply.startswith("44/training,")
    assert "token" in reply
    assert "rows" not in reply


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_socket_with_the_token_can_subscribe(guarded: LiveServer, transport: str) -> None:
    client = socketio.Client()
    client.connect(guarded.url, auth={"token": TOKEN}, namespaces=["/training"], transports=[transport])
    try:
        subscribed = client.call("subscribe", {"run_id": "run-1"}, namespace="/training", timeout=10)
    finally:
        disconnect(client)
    assert subscribed["run"]["run_id"] == "run-1"
    assert subscribed["log"]["text"] == "secret log"


def test_the_training_program_does_not_get_the_token(guarded: LiveServer) -> None:
    (guarded.configs_dir / "environment.yaml").write_text("command:\n  argv: [env]\n  env: {OWN: value}\n")
    started = guarded.post("/training/start", {"config_name": "environment.yaml"}, headers=BEARER)
    assert started.status_code == 200, started.text
    run = guarded.runs_dir / started.json()["run_id"]
    wait_until(lambda: json.loads((run / "state.json").read_text())["state"] == "completed", 10)
    log = (run / "train.log").read_text()
    assert "OWN=value" in log
    assert "TRAINING_" not in log
    for file in run.rglob("*"):
        assert not file.is_file() or TOKEN not in file.read_text(errors="replace"), file


# ---- origins ----


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
    client.connect(local.url, headers=headers, namespaces=["/training"], transports=[transport])
    try:
        assert "run" in client.call("subscribe", {}, namespace="/training", timeout=10)
    finally:
        disconnect(client)


def test_a_page_behind_a_proxy_has_our_own_origin(local: LiveServer) -> None:
    proxied = {"Origin": "https://train.example", "X-Forwarded-Host": "train.example", "X-Forwarded-Proto": "https"}
    assert local.post("/training/stop", headers=proxied).status_code == 200
    problem(local.post("/training/stop", headers=proxied | {"Origin": EVIL}), 403)


# ---- host names (DNS rebinding) ----


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


def test_the_page_shows_runs_only_with_the_token(guarded: LiveServer) -> None:
    assert "secret log" not in guarded.get("/").text
    assert "secret log" not in guarded.get("/runs/run-1", headers={"Authorization": "Bearer wrong"}).text
    assert "secret log" in guarded.get("/runs/run-1", headers=BEARER).text


def test_with_a_token_any_host_name_is_accepted(guarded: LiveServer) -> None:
    assert ask(guarded, "GET", "/training/status", Host="train.example", **BEARER)[0] == 200
    assert ask(guarded, "GET", "/training/status", Host="train.example")[0] == 401


def test_the_host_name_of_the_machine_is_accepted(local: LiveServer) -> None:
    assert ask(local, "GET", "/training/status", Host=f"{socket.gethostname()}:8000")[0] == 200


def test_an_anonymous_service_still_refuses_unknown_host_names(stopped_server: LiveServer) -> None:
    stopped_server.settings |= {"TRAINING_ALLOW_ANONYMOUS": "1", "TRAINING_CORS_ORIGINS": "http://gpu-box"}
    stopped_server.start()
    for path in ("/training/status", "/socket.io/?EIO=4&transport=polling"):
        assert ask(stopped_server, "GET", path, Host="gpu-box")[0] == 200
        assert ask(stopped_server, "GET", path, Host="evil.example")[0] == 403
        assert ask(stopped_server, "GET", path, Host="gpu-box", Origin=EVIL)[0] == 403


def test_a_service_that_allows_any_origin_allows_any_host_name(stopped_server: LiveServer) -> None:
    stopped_server.settings["TRAINING_CORS_ORIGINS"] = "*"
    stopped_server.start()
    assert ask(stopped_server, "GET", "/training/status", Host="gpu-box")[0] == 200
    assert ask(stopped_server, "GET", "/training/status", Host="gpu-box", Origin=EVIL)[0] == 200
