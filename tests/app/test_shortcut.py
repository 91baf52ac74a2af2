"""GET /training/status past the framework: the framework's own answer."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest
from flask import Flask, request
from werkzeug.test import Client, TestResponse

from app import create_app
from app.settings import Settings
from app.shortcut import PATH
from tests.app.written import write_run

TOKEN = "correct-horse"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    write_run(tmp_path / "runs", "2026-01-01_00-00-00", "failed", reason="größer als 1")
    return create_app(Settings(runs_dir=tmp_path / "runs", data_dir=tmp_path, api_token=TOKEN), "threading")


def get(wsgi_app: object, headers: dict[str, str]) -> TestResponse:
    return Client(wsgi_app).get(PATH, headers=headers)  # type: ignore[arg-type]


def test_the_answer_is_the_frameworks_to_the_last_byte(app: Flask) -> None:
    reached: list[str] = []
    app.before_request(lambda: reached.append(request.path))
    ours, theirs = get(app.wsgi_app, BEARER), get(app.wsgi_app, BEARER | {"Origin": "http://localhost"})
    assert reached == [PATH], "the framework answers the second alone"
    assert ours.data == theirs.data
    assert (ours.status, dict(ours.headers)) == (theirs.status, dict(theirs.headers))


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        (BEARER | {"Origin": "https://evil.example"}, 403),
        (BEARER | {"Origin": "http://localhost"}, 200),
    ],
)
def test_what_is_refused_is_refused_by_the_framework(app: Flask, headers: dict[str, str], code: int) -> None:
    answer = get(app.wsgi_app, headers)
    assert (answer.status_code, answer.is_json) == (code, True)


def test_a_lock_that_cannot_be_looked_at_is_an_error_of_the_one_shape(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "active.lock").mkdir()
    lock = os.open(tmp_path / "active.lock", os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    answer = get(app.wsgi_app, BEARER)
    os.close(lock)
    assert (answer.status_code, answer.get_json()["code"]) == (500, 500)
