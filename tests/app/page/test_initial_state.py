"""What the page is told together with its HTML: what a subscription would, to who may know it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from app.page.initial_state import MAX_METRICS_BYTES
from tests.app.answers import ask
from tests.app.written import METRICS, write_metrics, write_run
from tests.servers import LiveServer

EVIL = "</script><script>alert(1)</script>"


def told(html: str) -> Any:
    [text] = re.findall(r'<script id="opening" type="application/json">(.*?)</script>', html, re.DOTALL)
    return json.loads(text, parse_constant=pytest.fail)  # A browser takes no NaN.


def test_the_page_comes_with_what_a_subscription_tells(empty: LiveServer) -> None:
    assert told(empty.get("/").text)["run"] is None
    write_run(empty.runs_dir, "2026-01-01", metrics=METRICS, log=EVIL.encode(), progress='{"step": NaN}')
    with empty.client() as client:
        subscribed = client.call("subscribe", {"run_id": "2026-01-01"}, namespace="/training")
    assert (subscribed["log"]["text"], len(subscribed["rows"])) == (EVIL, 4)
    assert subscribed["progress"] == {"step": None}
    for path in ("/", "/runs/2026-01-01"):
        answer = empty.get(path)
        assert told(answer.text) == subscribed
        assert answer.headers["Cache-Control"] == "no-store"


def test_what_comes_later_to_a_run_that_is_over_is_told(empty: LiveServer) -> None:
    """Its folder may be copied here in the moment in which it is looked at."""
    run = write_run(empty.runs_dir, "2026-01-01")
    (run / "csv" / "version_0").mkdir(parents=True)
    assert told(empty.get("/runs/2026-01-01").text)["rows"] == []
    write_metrics(run, METRICS)
    assert len(told(empty.get("/runs/2026-01-01").text)["rows"]) == 4


def test_it_is_not_kept_waiting_for_what_is_long_or_not_shown(empty: LiveServer) -> None:
    rows = "\n".join(f"0,{step},0.5" for step in range(MAX_METRICS_BYTES // 8))
    write_run(empty.runs_dir, "2026-01-01", metrics=f"epoch,step,train/loss\n{rows}\n")
    for path in ("/", "/runs/2026-01-01", "/runs/unknown", "/runs", "/models", "/start"):
        assert told(empty.get(path).text) is None, path


def test_the_page_tells_a_stranger_nothing(shared: LiveServer) -> None:
    """Any name can be made to point here by somebody else's page, which could read the HTML then."""
    status, html = ask(shared, "GET", "/", Host="evil.example")
    assert (status, told(html.decode())) == (200, None)
