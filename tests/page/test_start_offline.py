"""The start form keeps its input over a lost connection, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.app.written import write_run
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
def server(eventlet_server: LiveServer) -> LiveServer:
    """A server with an experiment and a dataset."""
    write_experiment_and_dataset(eventlet_server)
    return eventlet_server


def go_to(page: Any, path: str) -> None:
    """Navigate like a link on the page."""
    page.evaluate("path => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')); }", path)


def type_without_waiting(page: Any, path: str, text: str) -> None:
    """Type a text. Unlike `fill`, this works inside the handler of a request."""
    typed = "(field, text) => { field.value = text; field.dispatchEvent(new Event('input', {bubbles: true})); }"
    field(page, path).evaluate(typed, text)


def disconnect(page: Any) -> None:
    """Cut the window's network, as a lost wireless network does."""
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_have_text("Offline, reconnecting…")


def reconnect(page: Any) -> None:
    """Wait until the page has lost its connection, has it again, and has checked the refilled form."""
    disconnect(page)
    began_ms = page.evaluate("Date.now()")

    def is_of_refilled_form(response: Any) -> bool:
        return response.url.endswith("/training/check") and response.request.timing["startTime"] >= began_ms

    with page.expect_response("**/training/parameters"), page.expect_response(is_of_refilled_form):
        page.context.set_offline(False)
    expect(page.locator("#connection")).to_have_text("Live")


def test_input_survives_a_lost_connection(server: LiveServer, open_page: OpenPage, console: Console) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    request = {"config_name": "tiny.yaml", "dataset": "pets", "model_name": "mine", "overrides": {"seed": 5}}
    write_run(server.runs_dir, "2026-01-01_00-00-00", "failed", request=request)
    page = open_page(server.url + "/start?from=2026-01-01_00-00-00")
    expect(page.locator("#connection")).to_have_text("Live")
    expect(field(page, "seed")).to_have_value("5")
    field(page, "trainer.max_epochs").fill("7")
    expect(page.locator("#curl pre")).to_contain_text("max_epochs")
    reconnect(page)
    assert request_of(page)["overrides"] == {"seed": 5, "trainer.max_epochs": 7}


@pytest.mark.parametrize("is_lost_again", [False, True])
def test_input_during_a_reconnection_stays(
    server: LiveServer, open_page: OpenPage, console: Console, is_lost_again: bool
) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    page = open_page(server.url + "/start")
    expect(page.locator("#connection")).to_have_text("Live")
    expect(field(page, "trainer.max_epochs")).to_have_value("3")

    def type_before(route: Any) -> None:
        type_without_waiting(page, "trainer.max_epochs", "7")
        if is_lost_again:
            route.abort()
        else:
            route.continue_()

    page.route("**/training/configs/tiny.yaml", type_before)
    reconnect(page)
    assert request_of(page)["overrides"] == {"trainer.max_epochs": 7}


@pytest.mark.parametrize("parameter", ["from", "resume"])
def test_a_form_that_loses_its_first_requests_still_shows_the_run_in_its_address(
    server: LiveServer, open_page: OpenPage, console: Console, parameter: str
) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    run = write_resumable(server, overrides={"trainer.max_epochs": 5})
    page = open_page(server.url + "/runs")
    expect(page.locator("#connection")).to_have_text("Live")
    page.route("**/training/configs/tiny.yaml", lambda route: route.abort(), times=1)
    page.route("**/training/check", lambda route: route.abort(), times=1)
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/training/check")):
        go_to(page, f"/start?{parameter}={run.name}")
    reconnect(page)
    if parameter == "from":
        expect(field(page, "trainer.max_epochs")).to_have_value("5")
        assert request_of(page)["overrides"] == {"trainer.max_epochs": 5}
    else:
        expect(field(page, "seed")).to_have_value("5")
        assert request_of(page)["resume_from"] == run.name


def test_late_values_of_another_run_replace_the_input(
    server: LiveServer, open_page: OpenPage, console: Console
) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    run = write_resumable(server, overrides={"trainer.max_epochs": 5})
    page = open_page(server.url + "/start")
    expect(page.locator("#connection")).to_have_text("Live")
    field(page, "trainer.max_epochs").fill("7")
    page.route("**/training/configs/tiny.yaml", lambda route: route.abort(), times=1)
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/training/configs/tiny.yaml")):
        go_to(page, f"/start?from={run.name}")
    reconnect(page)
    expect(field(page, "trainer.max_epochs")).to_have_value("5")
    assert request_of(page)["overrides"] == {"trainer.max_epochs": 5}


def test_input_for_a_resumed_run_survives_a_lost_connection(
    server: LiveServer, open_page: OpenPage, console: Console
) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    run = write_resumable(server)
    page = open_page(f"{server.url}/start?resume={run.name}")
    expect(page.locator("#connection")).to_have_text("Live")
    expect(field(page, "seed")).to_have_value("5")

    def type_before(route: Any) -> None:
        page.locator("#model_name").evaluate("field => { field.value = 'other'; }")
        type_without_waiting(page, "trainer.max_epochs", "7")
        route.continue_()

    page.route("**/training/check", type_before, times=1)
    reconnect(page)
    expect(page.locator("#curl pre")).to_contain_text("max_epochs")
    assert request_of(page) == {
        "resume_from": run.name,
        "model_name": "other",
        "overrides": {"trainer.max_epochs": 7},
    }


def test_an_experiment_chosen_offline_is_shown_when_the_service_is_back(
    server: LiveServer, open_page: OpenPage, console: Console
) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    (server.configs_dir / "other.yaml").write_text(TINY + "seed: 5\n", encoding="utf-8")
    page = open_page(server.url + "/start")
    expect(page.locator("#connection")).to_have_text("Live")
    page.select_option("#config_name", "tiny.yaml")
    expect(field(page, "seed")).to_have_value("0")
    disconnect(page)
    page.select_option("#config_name", "other.yaml")
    expect(page.locator("#parameters-section")).to_be_hidden()
    page.context.set_offline(False)
    expect(field(page, "seed")).to_have_value("5")
    expect(page.locator("#parameters-section")).to_be_visible()
    assert request_of(page)["overrides"] == {}
