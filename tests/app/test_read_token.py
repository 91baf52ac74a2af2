"""The read token: it can see everything and change nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.factory import create_app
from app.settings import Settings
from tests.app.answers import check_shape
from tests.app.written import METRICS, write_model, write_run

READ = {"Authorization": "Bearer look"}
FULL = {"Authorization": "Bearer change"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
CHANGES_NOTHING = {("POST", "/training/check"), ("POST", "/training/models/run-1/predict")}
VALUES = {"run_id": "run-1", "name": "digits.yaml", "path": "train.log"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """A service with both tokens and one run. Nothing of it runs."""
    home = tmp_path_factory.mktemp("read")
    write_model(write_run(home / "train" / "runs", "run-1", metrics=METRICS, log=b"log"))
    folders = {name: home / name for name in ("configs_dir", "data_dir")}
    for folder in folders.values():
        folder.mkdir()
    settings = Settings(runs_dir=home / "train" / "runs", api_token="change", read_token="look", **folders)
    return create_app(settings, "threading")


def paths(app: Flask) -> set[str]:
    """Return an address of each route below /training."""
    rules = [rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/training")]
    return {re.sub(r"<(?:\w+:)?(\w+)>", lambda found: VALUES[found[1]], rule) for rule in rules}


def ask(app: Flask, method: str, path: str, headers: dict[str, str]) -> Any:
    body = {"json": {}} if method in ("POST", "PUT", "PATCH") else {}
    return app.test_client().open(path, method=method, headers=headers, buffered=True, **body)


def test_every_route_that_changes_something_is_refused(app: Flask) -> None:
    runs_dir: Path = app.extensions["domain"].store.runs_dir
    before = sorted(runs_dir.rglob("*"))
    refused = set()
    for path in paths(app):
        known = app.url_map.bind("localhost").allowed_methods(path)
        for method in METHODS:
            answer = ask(app, method, path, READ)
            assert answer.status_code != 401, (method, path)
            if method not in known:
                assert answer.status_code == 405, (method, path)
            elif method not in ("GET", "HEAD") and (method, path) not in CHANGES_NOTHING:
                refused.add((method, path))
                check_shape(answer.get_json(), 403)
                assert "TRAINING_API_TOKEN" in answer.get_json()["message"]
            else:
                assert answer.status_code != 403, (method, path)
    assert {("POST", "/training/start"), ("POST", "/training/stop"), ("DELETE", "/training/models/run-1")} <= refused
    assert sorted(runs_dir.rglob("*")) == before


@pytest.mark.parametrize(("headers", "access"), [(READ, "read"), (FULL, "full")], ids=["read", "full"])
def test_the_service_says_what_a_token_allows(app: Flask, headers: dict[str, str], access: str) -> None:
    assert ask(app, "GET", "/training/access", headers).get_json() == {"access": access}


def test_the_page_assumes_the_least_until_it_knows_more(app: Flask, tmp_path: Path) -> None:
    assert 'data-access="read"' in ask(app, "GET", "/", {}).text
    one_token = create_app(Settings(runs_dir=tmp_path / "runs", api_token="change"), "threading")
    assert 'data-access="full"' in ask(one_token, "GET", "/", {}).text
