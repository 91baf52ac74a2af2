"""Errors of the framework and of invalid input: each has the one shape and says what would be right."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.app.answers import ask, check_shape, problem, tree
from tests.app.written import write_dataset
from tests.conftest import on_eventlet
from tests.servers import LiveServer

OUR_EXPERIMENT = "model:\n  architecture: ResNetForImageClassification\n"


@pytest.mark.parametrize("path", ["/nothing", "/training", "/training/", "/training/nothing", "/training/status/"])
def test_an_unknown_address_is_a_404_that_names_the_documentation(shared: LiveServer, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "PATCH"):
        status, body = ask(shared, method, path)
        assert status == 404
        message = check_shape(body, 404)["message"]
        assert path in message
        assert "/docs" in message


@pytest.mark.parametrize("path", ["/training//status", "/training/runs//log", "/static/none.js"])
def test_no_address_is_redirected(shared: LiveServer, path: str) -> None:
    status, body = ask(shared, "GET", path)
    assert status == 404
    check_shape(body, 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/training/start", {"POST", "OPTIONS"}),
        ("PUT", "/training/stop", {"POST", "OPTIONS"}),
        ("POST", "/training/status", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/training/models/x", {"DELETE", "OPTIONS"}),
        ("TRACE", "/ping", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_method_that_a_route_lacks_is_a_405_that_lists_its_methods(
    shared: LiveServer, method: str, path: str, allowed: set[str]
) -> None:
    answer = requests.request(method, shared.url + path, timeout=10)
    message = problem(answer, 405)["message"]
    assert set(answer.headers["Allow"].split(", ")) == allowed
    assert all(name in message for name in allowed)


def test_a_body_that_is_too_long_is_a_413(shared: LiveServer) -> None:
    for path in ("/training/start", "/training/stop"):
        status, body = ask(shared, "POST", path, b'{"run_id": "' + b"x" * 128 * 1024 + b'"}')
        assert status == 413
        assert "131,072" in check_shape(body, 413)["message"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
@pytest.mark.parametrize("path", ["/training/start", "/training/stop"])
def test_a_body_without_the_content_type_of_json_is_a_400(shared: LiveServer, path: str, content_type: str) -> None:
    status, body = ask(shared, "POST", path, b"{}", Content_Type=content_type)
    assert status == 400
    assert "application/json" in check_shape(body, 400)["message"]


NOT_JSON = {
    "text": b"config_name=x",
    "half": b'{"config_name": ',
    "two": b"{}{}",
    "single quotes": b"{'mode': 'save'}",
    "NaN": b'{"mode": NaN}',
    "infinity": b'{"overrides": {"seed": -Infinity}}',
    "a duplicate name": b'{"mode": "save", "mode": "discard"}',
    "not UTF-8": b'{"mode": "\xff"}',
    "a NUL byte": b'{"mode": "save"}\0',
    "a raw control character": b'{"mode": "\x01"}',
    "endless nesting": b"[" * 100_000,
    "endlessly nested objects": b'{"a":' * 20_000,
    "an endless number": b'{"mode": ' + b"9" * 100_000 + b"}",
    "a comment": b"{} // nothing",
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
def test_a_body_that_is_not_json_is_a_400(shared: LiveServer, body: bytes) -> None:
    before = tree(shared.home)
    for path in ("/training/start", "/training/stop"):
        status, answer = ask(shared, "POST", path, body)
        assert status == 400, answer
        assert check_shape(answer, 400)["message"].startswith("The body is not JSON: ")
    assert tree(shared.home) == before


@pytest.mark.parametrize("body", [[], [{}], "text", 1, 1.5, True, None, [None]])
def test_json_that_is_not_an_object_is_a_422(shared: LiveServer, body: Any) -> None:
    for path in ("/training/start", "/training/stop"):
        status, answer = ask(shared, "POST", path, json.dumps(body).encode())
        assert status == 422, answer
        assert "object" in check_shape(answer, 422)["message"]


NAMES: list[Any] = [7, 1.5, True, [], ["x"], {}, {"a": 1}]
TEXTS: list[Any] = ["\x00", "a\x00b", "a\nb", "\ud800", "\x1b[31m", "\u202e", "", "x" * 5000]
BAD_FIELDS: list[tuple[str, Any]] = [
    *(("config_name", value) for value in NAMES + TEXTS),
    *(("train_data_dir", value) for value in NAMES + TEXTS),
    *(("val_data_dir", value) for value in (7, "\x00")),
    *(("test_data_dir", value) for value in (7, "\x00")),
    *(("dataset", value) for value in NAMES + TEXTS),
    *(("resume_from", value) for value in NAMES + TEXTS),
    *(("model_name", value) for value in NAMES + TEXTS),
    *(("model_name", value) for value in ("../x", ".x", "x.", " x", "x ", "a/b", "a\\b", "x" * 101, "x\n", "con?")),
    *(("overrides", value) for value in (7, "x", [], [1], None, True)),
    ("config", "digits.yaml"),
    ("Config_name", "digits.yaml"),
    ("", 1),
    ("__class__", {}),
    ("\ud800", 1),
]


@pytest.mark.parametrize(("name", "value"), BAD_FIELDS, ids=lambda value: ascii(value)[:40])
def test_a_bad_field_is_a_422_that_names_it_and_writes_nothing(shared: LiveServer, name: str, value: Any) -> None:
    config = shared.write_command("harmless", "exit_with.py", "0")
    before = tree(shared.home)
    answer = shared.post("/training/start", {"config_name": config, name: value})
    errors = problem(answer, 422)["errors"]
    assert set(errors) == {name}
    assert tree(shared.home) == before


ELSEWHERE = ["../secret", "../secret.yaml", "/etc/passwd", "..", ".", "a/../b", "..\\secret", "%2e%2e", "x" * 255]
ELSEWHERE += ["secret.yaml/", "./known.yaml", "known.yaml/.", ".hidden", "漢" * 85 + "x", "known.yaml ", "*"]


@pytest.mark.parametrize("name", ELSEWHERE, ids=lambda name: name[:20])
def test_a_name_that_leads_elsewhere_is_a_404_and_writes_nothing(shared: LiveServer, name: str) -> None:
    known = shared.write_command("known", "exit_with.py", "0")
    for place in (shared.home / "secret.yaml", shared.configs_dir / ".hidden"):
        shutil.copy(shared.configs_dir / known, place)
    before = tree(shared.home)
    for field in ("config_name", "dataset", "resume_from"):
        body = problem(shared.post("/training/start", {"config_name": known} | {field: name}), 404)
        assert "secret" not in body["message"].replace(repr(name), "")
    quoted = requests.utils.quote(name, safe="")
    assert ask(shared, "GET", f"/training/configs/{quoted}")[0] == 404
    assert tree(shared.home) == before


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


BAD_OVERRIDES: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown parameter": ({"trainer.epochs": 1}, "overrides.trainer.epochs"),
    "a section": ({"trainer": {"max_epochs": 1}}, "overrides.trainer"),
    "a wrong type": ({"trainer.max_epochs": "3"}, "overrides.trainer.max_epochs"),
    "a huge number": ({"seed": 10**4000}, "overrides.seed"),
    "an infinite number": ({"optimizer.learning_rate": 10**400}, "overrides.optimizer.learning_rate"),
    "the program": ({"command.argv": ["touch", "pwned"]}, "overrides.command.argv"),
    "the whole command": ({"command": {"argv": ["true"]}}, "overrides.command"),
    "dunder": ({"__class__.__init__": 1}, "overrides.__class__.__init__"),
    "an empty name": ({"": 1}, "overrides"),
    "a long name": ({"x" * 300: 1}, "overrides"),
    "too much": ({"model.config.x": "x" * 100_000}, "overrides"),
    "deep nesting": ({"model.config.x": nested(50)}, "overrides"),
    "deeper nesting": ({"model.config.x": nested(400)}, "overrides"),
    "half a surrogate pair": ({"description": "\ud800"}, "overrides"),
    "a NUL": ({"description": "a\x00"}, "overrides.description"),
}


@pytest.mark.parametrize(("overrides", "key"), BAD_OVERRIDES.values(), ids=BAD_OVERRIDES)
def test_bad_overrides_are_a_422_that_names_them(shared: LiveServer, overrides: Any, key: str) -> None:
    (shared.configs_dir / "ours.yaml").write_text(OUR_EXPERIMENT)
    write_dataset(shared.data_dir, "pets") if not (shared.data_dir / "pets").exists() else None
    before = tree(shared.home)
    body = {"config_name": "ours.yaml", "dataset": "pets", "overrides": overrides}
    assert key in problem(shared.post("/training/start", body), 422)["errors"]
    assert tree(shared.home) == before


BAD_STOPS: list[tuple[str, Any]] = [("mode", "kill"), ("mode", None), ("mode", ["save"]), ("run_id", 7), ("run", "x")]


@pytest.mark.parametrize(("name", "value"), [*BAD_STOPS, ("run_id", "x" * 256), ("run_id", {})])
def test_a_bad_stop_stops_nothing(shared: LiveServer, tmp_path: Path, name: str, value: Any) -> None:
    run_id = shared.start_run(shared.write_command("waiting", "wait_for_file.py", str(tmp_path / "end")))
    assert set(problem(shared.post("/training/stop", {name: value}), 422)["errors"]) == {name}
    assert set(problem(shared.post("/training/stop?wait=maybe"), 422)["errors"]) == {"wait"}
    assert set(problem(shared.post("/training/stop?now=1"), 422)["errors"]) == {"now"}
    assert shared.get("/training/status").json()["state"] == "running"
    assert not (shared.runs_dir / run_id / "stop.json").exists()


def test_a_run_id_of_arbitrary_text_stops_nothing(shared: LiveServer, tmp_path: Path) -> None:
    run_id = shared.start_run(shared.write_command("waiting", "wait_for_file.py", str(tmp_path / "end")))
    for other in ("", "..", "\x00", "\ud800", run_id + " ", run_id.upper() + "_2"):
        problem(shared.post("/training/stop", {"run_id": other}), 409)
    assert shared.get("/training/status").json()["state"] == "running"


@on_eventlet
def test_an_unusable_runs_folder_is_an_error_that_names_it(stopped_server: LiveServer) -> None:
    server = stopped_server.start()
    shutil.rmtree(server.runs_dir)
    server.runs_dir.write_text("a file in place of the folder")
    (server.configs_dir / "quick.yaml").write_text("command:\n  argv: ['true']\n")
    answer = server.post("/training/start", {"config_name": "quick.yaml"})
    message = answer.json()["message"]
    problem(answer, 500, status=f"error: {message}", run_id=None)
    assert str(server.runs_dir) in message
    for path in ("metrics/runs", "status", "models", "runs/x"):
        assert str(server.runs_dir) in problem(server.get(f"/training/{path}"), 503)["message"]


BAD_SUBSCRIPTIONS: list[Any] = [
    7, "run", [], [1, 2], {"run_id": 7}, {"row": -1}, {"row": "0"}, {"row": 1.5}, {"row": None}, {"row": 10**30},
    {"log_offset": -1}, {"log_offset": "0"}, {"unknown": 1}, {"run_id": "x" * 256}, True,
]  # fmt: skip


def test_a_bad_subscription_is_acknowledged_with_the_one_shape(shared: LiveServer) -> None:
    with shared.client() as client:
        for request in BAD_SUBSCRIPTIONS:
            check_shape(client.call("subscribe", request, namespace="/training", timeout=10), 422)
        for run_id in ("unknown", "..", "../secret", "\x00", "", "a/b"):
            check_shape(client.call("subscribe", {"run_id": run_id}, namespace="/training", timeout=10), 404)
        subscribed = client.call("subscribe", {}, namespace="/training", timeout=10)
        assert set(subscribed) == {
            "run",
            "progress",
            "columns",
            "from_row",
            "rows",
            "non_finite",
            "text_columns",
            "directions",
            "num_skipped_rows",
            "num_rows",
            "skipped_rows",
            "metrics_problem",
            "attempt",
            "log",
            "epochs",
        }


def test_invalid_events_do_no_harm(shared: LiveServer) -> None:
    with shared.client() as client:
        client.emit("subscribe", ({}, 1, 2), namespace="/training")
        client.emit("unsubscribe", (1, 2, 3), namespace="/training")
        client.emit("no_such_event", {"a": 1}, namespace="/training")
        assert "rows" in client.call("subscribe", {}, namespace="/training", timeout=10)


@pytest.mark.parametrize(
    "body",
    [
        {f"field{number}": 1 for number in range(60_000)},
        {"config_name": "x.yaml", "overrides": {f"o{number}": 1 for number in range(3_000)}},
        {"config_name": "shared.yaml", "overrides": {f"o{number}": 1 for number in range(200)}},
        {"config_name": "x" * 900_000},
        {"config_name": "x.yaml", "resume_from": "\x01" * 100_000},
    ],
    ids=["unknown fields", "too many overrides", "unknown overrides", "a long name", "control characters"],
)
def test_a_request_that_is_wrong_in_many_ways_gets_a_short_answer(shared: LiveServer, body: dict[str, Any]) -> None:
    shared.write_command("shared", "exit_with.py", "0")
    answer = requests.post(f"{shared.url}/training/start", json=body, timeout=10)
    problem(answer, answer.status_code)
    assert 400 <= answer.status_code < 500
    assert len(answer.content) < 50_000
