"""The metrics for Prometheus, and the dashboard and the alerts that use them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from flask.testing import FlaskClient
from prometheus_client import openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from app.factory import create_app
from app.runs.store.states import STATES
from app.settings import Settings
from tests.app.written import write_json, write_run
from tests.conftest import end
from tests.live.processes import is_gone
from tests.servers import ROOT, LiveServer
from tests.waiting import wait_until

DASHBOARD = json.loads((ROOT / "docs/monitoring/grafana.json").read_text())
ALERTS = yaml.safe_load((ROOT / "docs/monitoring/alerts.yml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]


def values(text: str, name: str) -> dict[tuple[str, ...], float]:
    """Return the values of a metric by the values of its labels, in the order of the labels' names."""
    samples = [sample for family in parse(text) for sample in family.samples if sample.name == name]
    return {tuple(label for _, label in sorted(sample.labels.items())): sample.value for sample in samples}


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def client(runs_dir: Path) -> FlaskClient:
    return create_app(Settings(runs_dir=runs_dir), "threading").test_client()


def metrics(client: FlaskClient) -> str:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return answer.text


def test_runs_are_counted_by_state_as_their_files_change(client: FlaskClient, runs_dir: Path) -> None:
    assert values(metrics(client), "training_runs") == {(state,): 0 for state in STATES}
    for number, state in enumerate(["completed", "completed", "failed", None]):
        write_run(runs_dir, f"2026-01-0{number + 1}_00-00-00", state)
    (runs_dir / "copied").mkdir()
    expected = {"completed": 2, "failed": 1, "interrupted": 1, "unknown": 1}
    for _ in range(2):
        assert values(metrics(client), "training_runs") == {(state,): expected.get(state, 0) for state in STATES}
    shutil.rmtree(runs_dir / "2026-01-01_00-00-00")
    (runs_dir / "copied").rmdir()
    write_run(runs_dir, "copied", "stopped")
    expected = {"completed": 1, "failed": 1, "interrupted": 1, "stopped": 1}
    assert values(metrics(client), "training_runs") == {(state,): expected.get(state, 0) for state in STATES}


def test_requests_are_counted_by_route_so_that_clients_invent_no_series(client: FlaskClient) -> None:
    for number in range(20):
        client.get(f"/training/runs/none-{number}")
        client.get(f"/nothing/{number}")
        client.open("/ping", method=f"METHOD{number}")
    text = metrics(client)
    assert values(text, "training_http_requests_total") == {
        ("GET", "/training/runs/<run_id>", "404"): 20,
        ("GET", "other", "404"): 20,
        ("other", "other", "405"): 20,
    }
    assert values(text, "training_http_request_duration_seconds_count")[("GET", "/training/runs/<run_id>")] == 20


def test_prometheus_can_read_both_formats(client: FlaskClient, runs_dir: Path) -> None:
    write_run(runs_dir, "2026-01-01_00-00-00")
    client.get("/ping")
    plain, newer = client.get("/metrics"), client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert plain.content_type.startswith("text/plain; version=0.0.4")
    assert newer.content_type == openmetrics.exposition.CONTENT_TYPE_LATEST
    names = [family.name for family in parse(plain.text)]
    assert sorted(names) == sorted(set(names))
    assert {family.name for family in parse_openmetrics(newer.text)} >= set(names) - {"training_http_requests_total"}
    assert all(family.documentation for family in parse(plain.text))


def test_an_active_run_has_its_progress_and_usage(waiting: tuple[LiveServer, str, Path]) -> None:
    server, run_id, _ = waiting
    server.wait_for_state(run_id, "running")
    write_json(server.runs_dir / run_id / "output" / "progress.json", {"step": 25, "total_steps": 100, "eta_s": 60})

    def read() -> str:
        return server.get("/metrics").text

    wait_until(lambda: values(read(), "training_run_progress_ratio") == {(run_id,): 0.25}, 10, read)
    wait_until(lambda: (run_id,) in values(read(), "training_run_memory_bytes"), 10, read)
    text = read()
    assert values(text, "training_run_eta_seconds") == {(run_id,): 60}
    assert values(text, "training_run_info") == {("waiting.yaml", run_id, "running"): 1}
    assert values(text, "training_runs")[("running",)] == 1
    assert values(text, "training_queue_paused") == {(): 0}
    assert 0 <= values(text, "training_machine_cpu_ratio")[()] <= 1
    assert values(text, "training_machine_memory_total_bytes")[()] == pytest.approx(
        psutil.virtual_memory().total, rel=0.01
    )
    with server.client():
        wait_until(lambda: values(read(), "training_socket_clients") == {(): 1}, 10, read)


def test_several_workers_add_up_their_requests(tmp_path: Path) -> None:
    server = LiveServer(tmp_path, "gunicorn", workers=2).start()
    try:

        def count() -> float:
            return values(server.get("/metrics").text, "training_http_requests_total")[("GET", "/ping", "200")]

        asked = count()  # `start` asks until the server answers.
        for _ in range(10):
            asked += sum(server.get("/ping").ok for _ in range(5))
            assert count() == asked
        assert server.process is not None
        with server.client():
            wait_until(lambda: values(server.get("/metrics").text, "training_socket_clients")[()] == 1, 10)
            worker = psutil.Process(server.process.pid).children()[0]
            worker.kill()
            wait_until(lambda: is_gone(worker), 10)
            assert count() == asked
            wait_until(lambda: values(server.get("/metrics").text, "training_socket_clients")[()] == 1, 10)
    finally:
        end(server)


# ---- the dashboard and the alerts ----


def panels(of: dict[str, Any] = DASHBOARD) -> Iterator[dict[str, Any]]:
    for panel in of["panels"]:
        yield panel
        yield from panels(panel) if "panels" in panel else ()


EXPRESSIONS = [
    *(target["expr"] for panel in panels() for target in panel.get("targets", [])),
    *(rule["expr"] for rule in RULES),
]


def test_every_query_uses_metrics_that_exist() -> None:
    source = "".join(path.read_text() for path in (ROOT / "app" / "monitoring").glob("*.py"))
    names = set(re.findall(r'"(training_\w+)"', source))
    suffixes = {"training_http_requests": ["_total"], "training_http_request_duration_seconds": ["_bucket", "_count"]}
    exist = {name + suffix for name in names for suffix in suffixes.get(name, [""])}
    used = {name for expression in EXPRESSIONS for name in re.findall(r"\btraining_\w+", expression)}
    assert used - exist == set()
    assert exist - used - {"training_http_request_duration_seconds_count"} == set(), "the dashboard shows every metric"


def test_every_query_closes_its_brackets() -> None:
    for expression in EXPRESSIONS:
        rest = re.sub(r'"[^"]*"', "", expression)
        while (shorter := re.sub(r"\([^()\[\]{}]*\)|\[[^()\[\]{}]*\]|\{[^()\[\]{}]*\}", "", rest)) != rest:
            rest = shorter
        assert not set(rest) & set("()[]{}"), expression


def test_grafana_can_import_the_dashboard() -> None:
    assert DASHBOARD["title"]
    assert DASHBOARD["uid"]
    assert DASHBOARD["schemaVersion"] >= 36
    assert "id" not in DASHBOARD or DASHBOARD["id"] is None
    (source,) = (each for each in DASHBOARD["templating"]["list"] if each["type"] == "datasource")
    places: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        covered = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not covered & places, panel["title"]
        assert max(x for x, _ in covered) < 24
        places |= covered
        assert panel["datasource"]["uid"] == f"${{{source['name']}}}"
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)
    numbers = [panel["id"] for panel in panels()]
    assert len(set(numbers)) == len(numbers)


def test_every_alert_says_what_is_wrong() -> None:
    for rule in RULES:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert rule["annotations"]["summary"]
        assert re.fullmatch(r"\d+[smh]", rule["for"])
