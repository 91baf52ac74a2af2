"""The start form keeps its input over a lost connection, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.written import write_run
from tests.conftest import end
from tests.page.conftest import LOST_SOCKET, REFUSED_REQUEST, Console
from tests.page.form import field, request_of, write_experiment_and_dataset, write_resumable
from tests.servers import LiveServer
from tests.trainer.trainings import TINY

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips the test, or fails it in CI.

OpenPage = Callable[..., Any]


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[LiveServer]:
    """A server for a test that kills it."""
    own = LiveServer(tmp_path)
    write_experiment_and_dataset(own)
    own.start()
    yield own
    end(own)


def go_to(page: Any, path: str) -> None:
    """Navigate like a link on the page."""
    page.evaluate("path => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')); }", path)


def type_without_waiting(page: Any, path: str, text: str) -> None:
    """Type a text. Unlike `fill`, this works inside the handler of a request."""
    typed = "(field, text) => { field.value = text; field.dispatchEvent(new Event('input', {bubbles: true})); }"
    field(page, path).evaluate(typed, text)


def reconnect(page: Any, server: LiveServer) -> None:
    """Kill the server, start it again, and wait until the page has refilled the form."""
    server.kill()
    expect(page.locator("#connection")).to_have_text("Offline, reconnecting…")
    with page.expect_response("**/training/parameters"), page.expect_response("**/training/check"):
        server.start()
    expect(page.locator("#connection")).to_have_text("Live")


def test_input_survives_a_lost_connection(own_server: LiveServer, open_page: OpenPage, console: Console) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    request = {"config_name": "tiny.yaml", "dataset": "pets", "model_name": "mine", "overrides": {"seed": 5}}
    write_run(own_server.runs_dir, "2026-01-01_00-00-00", "failed", request=request)
    page = open_page(own_server.url + "/start?from=2026-01-01_00-00-00")
    expect(page.locator("#connection")).to_have_text("Live")
    expect(field(page, "seed")).to_have_value("5")
    field(page, "trainer.max_epochs").fill("7")
    expect(page.locator("#curl pre")).to_contain_text("max_epochs")
    reconnect(page, own_server)
    assert request_of(page)["overrides"] == {"seed": 5, "trainer.max_epochs": 7}


@pytest.mark.parametrize("is_lost_again", [False, True])
def test_input_during_a_reconnection_stays(
    own_server: LiveServer, open_page: OpenPage, console: Console, is_lost_again: bool
) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    page = open_page(own_server.url + "/start")
    expect(page.locator("#connection")).to_have_text("Live")
    expect(field(page, "trainer.max_epochs")).to_have_value("3")

    def type_before(route: Any) -> None:
        type_without_waiting(page, "trainer.max_epochs", "7")
        if is_lost_again:
            route.abort()
        else:
            route.continue_()

    page.route("**/training/configs/tiny.yaml", type_before)
    reconnect(page, own_server)
    assert request_of(page)["overrides"] == {"trainer.max_epochs": 7}


@pytest.mark.parametrize("parameter", ["from", "resume"])
def test_a_form_that_loses_its_first_requests_still_shows_the_run_in_its_address(
    own_server: LiveServer, open_page: OpenPage, console: Console, parameter: str
) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    run = write_resumable(own_server, overrides={"trainer.max_epochs": 5})
    page = open_page(own_server.url + "/runs")
    expect(page.locator("#connection")).to_have_text("Live")
    page.route("**/training/configs/tiny.yaml", lambda route: route.abort(), times=1)
    page.route("**/training/check", lambda route: route.abort(), times=1)
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/training/check")):
        go_to(page, f"/start?{parameter}={run.name}")
    reconnect(page, own_server)
    if parameter == "from":
        expect(field(page, "trainer.max_epochs")).to_have_value("5")
        assert request_of(page)["overrides"] == {"trainer.max_epochs": 5}
    else:
        expect(field(page, "seed")).to_have_value("5")
        assert request_of(page)["resume_from"] == run.name


def test_late_values_of_another_run_replace_the_input(
    own_server: LiveServer, open_page: OpenPage, console: Console
) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    run = write_resumable(own_server, overrides={"trainer.max_epochs": 5})
    page = open_page(own_server.url + "/start")
    expect(page.locator("#connection")).to_have_text("Live")
    field(page, "trainer.max_epochs").fill("7")
    page.route("**/training/configs/tiny.yaml", lambda route: route.abort(), times=1)
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/training/configs/tiny.yaml")):
        go_to(page, f"/start?from={run.name}")
    reconnect(page, own_server)
    expect(field(page, "trainer.max_epochs")).to_have_value("5")
    assert request_of(page)["overrides"] == {"trainer.max_epochs": 5}


def test_input_for_a_resumed_run_survives_a_lost_connection(
    own_server: LiveServer, open_page: OpenPage, console: Console
) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    run = write_resumable(own_server)
    page = open_page(f"{own_server.url}/start?resume={run.name}")
    expect(page.locator("#connection")).to_have_text("Live")
    expect(field(page, "seed")).to_have_value("5")

    def type_before(route: Any) -> None:
        page.locator("#model_name").evaluate("field => { field.value = 'other'; }")
        type_without_waiting(page, "trainer.max_epochs", "7")
        route.continue_()

    page.route("**/training/check", type_before, times=1)
    reconnect(page, own_server)
    expect(page.locator("#curl pre")).to_contain_text("max_epochs")
    assert request_of(page) == {
        "resume_from": run.name,
        "model_name": "other",
        "overrides": {"trainer.max_epochs": 7},
    }


def test_an_experiment_chosen_offline_is_shown_when_the_service_is_back(
    own_server: LiveServer, open_page: OpenPage, console: Console
) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    (own_server.configs_dir / "other.yaml").write_text(TINY + "seed: 5\n", encoding="utf-8")
    page = open_page(own_server.url + "/start")
    expect(page.locator("#connection")).to_have_text("Live")
    page.select_option("#config_name", "tiny.yaml")
    expect(field(page, "seed")).to_have_value("0")
    own_server.kill()
    expect(page.locator("#connection")).to_have_text("Offline, reconnecting…")
    page.select_option("#config_name", "other.yaml")
    expect(page.locator("#parameters-section")).to_be_hidden()
    own_server.start()
    expect(field(page, "seed")).to_have_value("5")
    expect(page.locator("#parameters-section")).to_be_visible()
    assert request_of(page)["overrides"] == {}
