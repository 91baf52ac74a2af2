"""Access with the token: REST, sockets and the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import socketio
from socketio.exceptions import ConnectionError as Refused

from tests.app.answers import ask, check_shape, problem, tree
from tests.app.written import METRICS, write_model, write_run
from tests.conftest import end
from tests.servers import JOIN_TIMEOUT_S, KINDS, LiveServer, disconnect
from tests.trainer.trainings import write_images
from tests.waiting import wait_until

TOKEN = "correct-horse-battery-staple"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
READ_TOKEN = "look-but-do-not-touch"


@pytest.fixture(scope="module", params=KINDS)
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with a token, a dataset and one run with a model."""
    server = LiveServer(tmp_path_factory.mktemp("guarded"), request.param)
    (server.home / "token").write_text(f"{TOKEN}\n")
    server.settings |= {"TRAINING_API_TOKEN_FILE": str(server.home / "token"), "TRAINING_READ_TOKEN": READ_TOKEN}
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
    ("GET", "/training/datasets/pets/preview"), ("GET", "/metrics"),
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
    wrong = guarded.get("/training/status", headers={"Authorization": "Bearer wrong"})
    assert "token is wrong" in problem(wrong, 401)["message"]
    answer = guarded.get("/training/status")
    assert "needs a token. Send the header Authorization: Bearer" in problem(answer, 401)["message"]
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
@pytest.mark.parametrize("token", [TOKEN, READ_TOKEN])
def test_a_socket_with_a_token_can_subscribe(guarded: LiveServer, transport: str, token: str) -> None:
    client = socketio.Client()
    client.connect(
        guarded.url,
        auth={"token": token},
        namespaces=["/training"],
        transports=[transport],
        wait_timeout=JOIN_TIMEOUT_S,
    )
    try:
        subscribed = client.call("subscribe", {"run_id": "run-1"}, namespace="/training", timeout=10)
    finally:
        disconnect(client)
    assert subscribed["run"]["run_id"] == "run-1"
    assert subscribed["log"]["text"] == "secret log"


def test_the_read_token_starts_nothing(guarded: LiveServer) -> None:
    started = guarded.post(
        "/training/start", {"config_name": "program.yaml"}, headers={"Authorization": f"Bearer {READ_TOKEN}"}
    )
    assert "read token" in problem(started, 403)["message"]
    assert guarded.get("/training/status", headers=BEARER).json()["running"] is False


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
        text = file.read_text(errors="replace") if file.is_file() else ""
        assert TOKEN not in text, file
        assert READ_TOKEN not in text, file


def test_the_page_shows_runs_only_with_the_token(guarded: LiveServer) -> None:
    assert "secret log" not in guarded.get("/").text
    assert "secret log" not in guarded.get("/runs/run-1", headers={"Authorization": "Bearer wrong"}).text
    assert "secret log" in guarded.get("/runs/run-1", headers=BEARER).text


def test_with_a_token_any_host_name_is_accepted(guarded: LiveServer) -> None:
    assert ask(guarded, "GET", "/training/status", Host="train.example", **BEARER)[0] == 200
    assert ask(guarded, "GET", "/training/status", Host="train.example")[0] == 401
