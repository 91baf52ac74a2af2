"""The initial state in the HTML: the answer to a subscription, for those who may see it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from app.page.initial_state import MAX_METRICS_BYTES
from tests.app.answers import ask
from tests.app.written import METRICS, write_metrics, write_run
from tests.servers import LiveServer
from tests.waiting import wait_until
from trainer.filestate import file_state

EVIL = "</script><script>alert(1)</script>"


def state_in(html: str) -> Any:
    [text] = re.findall(r'<script id="initial-state" type="application/json">(.*?)</script>', html, re.DOTALL)
    return json.loads(text, parse_constant=pytest.fail)  # Browsers refuse NaN.


def test_the_html_holds_the_answer_to_a_subscription(empty: LiveServer) -> None:
    assert state_in(empty.get("/").text)["run"] is None
    write_run(empty.runs_dir, "2026-01-01", metrics=METRICS, log=EVIL.encode(), progress='{"step": NaN}')
    with empty.client() as client:
        subscribed = client.call("subscribe", {"run_id": "2026-01-01"}, namespace="/training")
    assert (subscribed["log"]["text"], len(subscribed["rows"])) == (EVIL, 4)
    assert subscribed["progress"]["step"] is None
    for path in ("/", "/runs/2026-01-01"):
        answer = empty.get(path)
        assert state_in(answer.text) == subscribed
        assert answer.headers["Cache-Control"] == "no-store"


def test_metrics_that_appear_after_a_run_has_ended_are_included(empty: LiveServer) -> None:
    """A user may still be copying the folder of the run."""
    run = write_run(empty.runs_dir, "2026-01-01")
    (run / "csv" / "version_0").mkdir(parents=True)
    wait_until(lambda: (state := file_state(run)) and state.is_settled, 5)
    assert state_in(empty.get("/runs/2026-01-01").text)["rows"] == []
    write_metrics(run, METRICS)
    assert len(state_in(empty.get("/runs/2026-01-01").text)["rows"]) == 4


def test_the_html_has_no_state_for_large_metrics_or_views_without_a_run(empty: LiveServer) -> None:
    rows = "\n".join(f"0,{step},0.5" for step in range(MAX_METRICS_BYTES // 8))
    write_run(empty.runs_dir, "2026-01-01", metrics=f"epoch,step,train/loss\n{rows}\n")
    for path in ("/", "/runs/2026-01-01", "/runs/unknown", "/runs", "/models", "/start"):
        assert state_in(empty.get(path).text) is None, path


def test_an_unknown_host_name_gets_no_state(shared: LiveServer) -> None:
    """An attacker can point a domain at this server, and a page of that domain could then read the HTML."""
    status, html = ask(shared, "GET", "/", Host="evil.example")
    assert (status, state_in(html.decode())) == (200, None)
