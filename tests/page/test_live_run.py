"""A live run on the page, in a real browser with a real server."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import end
from tests.page.axe import violations
from tests.page.conftest import LOST_SOCKET, REFUSED_REQUEST, Console
from tests.page.training import SteeredTraining, start_by_form, wait_for_state
from tests.servers import LiveServer
from tests.waiting import wait_until

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips the test, or fails it in CI.

OpenPage = Callable[..., Any]


def log_of(page: Any) -> str:
    return "\n".join(page.locator("#log div").all_text_contents())


def legend_of(page: Any, chart: str) -> str:
    """Return the names and values of a chart's lines."""
    found = page.locator(".chart", has=page.locator("h3", has_text=re.compile(f"^{chart}$"))).locator(".legend-entry")
    return " ".join(found.all_inner_texts())


RECORD_NOTIFICATIONS = """() => {
    window.notifications = [];
    window.Notification = class {
      static permission = "default";
      static async requestPermission() { return (this.permission = "granted"); }
      constructor(title, { body }) { notifications.push([title, body]); }
    };
  }"""
"""A browser without a desktop shows no notifications, so a test can only record them."""


def test_a_run_from_its_start_to_its_end(server: LiveServer, open_page: OpenPage) -> None:
    training = SteeredTraining(server)
    page = open_page(server.url)
    expect(page.locator("#now-title")).to_have_text("No runs yet")
    start_by_form(page, training)
    wait_for_state(page, "running")
    expect(page.locator("#now-title")).to_have_text("steered")
    expect(page.locator("#start")).to_be_hidden()

    training.epoch(0)
    expect(page.locator("#epoch")).to_have_text("1 of 3 epochs done")
    expect(page.locator("#fact-machine")).to_have_text(socket.gethostname())
    expect(page.locator("#fact-step")).to_have_text("10 of 30")
    expect(page.locator("#fact-rate")).to_have_text("123")
    expect(page.locator("#fact-left")).to_have_text("1 min 5 s")
    expect(page.locator("#epochs tbody tr")).to_have_count(1)
    expect(page.locator("#log")).to_contain_text("epoch 1 is done")
    expect(page).to_have_title(re.compile(r"^33% · running · 1 of 3 epochs · steered · 2\S+ · Training$"))
    wait_until(
        lambda: legend_of(page, "loss").split() == ["train", "1.0000", "val", "2.0000"],
        5,
        lambda: legend_of(page, "loss"),
    )
    expect(page.locator("#charts h3")).to_have_text(["loss", "acc"])
    expect(page.locator("#charts canvas")).to_have_count(2)

    training.order(print="  10%|#\r  20%|##\r")
    training.epoch(1, lr=0.001)  # This adds a column and changes the order of columns.
    expect(page.locator("#epochs tbody tr")).to_have_count(2)
    expect(page.locator("#charts h3")).to_have_text(["loss", "acc", "lr"])

    page.reload()
    expect(page.locator("#epochs tbody tr")).to_have_count(2)
    expect(page.locator("#epoch")).to_have_text("2 of 3 epochs done")
    wait_until(
        lambda: legend_of(page, "loss").split() == ["train", "0.5000", "val", "1.0000"],
        5,
        lambda: legend_of(page, "loss"),
    )
    wait_until(lambda: log_of(page) == "epoch 1 is done\nepoch 2 is done\n", 5, lambda: log_of(page))

    training.epoch(2)
    training.order(row={"epoch": 3, "step": 30, "test/loss": 0.25, "test/acc": 0.9875})
    training.end()
    wait_for_state(page, "completed")
    expect(page.locator("#tests")).to_have_text(re.compile(r"^\s*test/loss\s*0\.2500\s*test/acc\s*0\.9875\s*$"))
    expect(page.locator("#epochs tbody th")).to_have_text(["2", "1", "0"])
    expect(page.locator("#percent")).to_have_text("100%")
    page.click(".navigation a[href='runs']")
    expect(page.locator("#runs-body .state")).to_have_text("completed")
    page.click(".navigation a[href='start']")
    expect(page.locator("#config_name")).to_have_value(training.config_name)


def test_the_bar_of_a_run_without_progress_moves_except_with_reduced_motion(
    eventlet_server: LiveServer, open_page: OpenPage
) -> None:
    eventlet_server.start_run(SteeredTraining(eventlet_server).config_name)
    page = open_page(eventlet_server.url)
    wait_for_state(page, "running")
    for motion, num_animations in (("no-preference", 1), ("reduce", 0)):
        page.emulate_media(reduced_motion=motion)
        expect(page.locator("#bar:indeterminate")).to_be_visible()
        wait_until(partial(page.evaluate, f"document.getAnimations().length === {num_animations}"), 5)


def test_two_pages_at_once_show_the_same(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    training = SteeredTraining(eventlet_server)
    pages = [open_page(eventlet_server.url) for _ in range(2)]
    start_by_form(pages[0], training)
    training.epoch(0)
    for page in pages:
        expect(page.locator("#epochs tbody tr")).to_have_count(1)
        expect(page.locator("#log")).to_contain_text("epoch 1 is done")
    pages[1].click("#stop")
    pages[1].click("#stop-save")
    for page in pages:
        wait_for_state(page, "stopped")


@pytest.mark.parametrize("stopped_server", ["gunicorn"], indirect=True)
def test_nothing_is_missing_after_the_server_is_killed(
    own_server: LiveServer, open_page: OpenPage, console: Console
) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    training = SteeredTraining(own_server, max_epochs=5)
    page = open_page(own_server.url)
    start_by_form(page, training)
    training.epoch(0)
    expect(page.locator("#epochs tbody tr")).to_have_count(1)

    own_server.kill()
    expect(page.locator("#connection")).to_have_text("Offline, reconnecting…")
    expect(page.locator("#notice")).to_contain_text("No connection since")
    expect(page).to_have_title(re.compile("^offline"))
    assert violations(page) == []
    training.epoch(1, lr=0.002)
    training.epoch(2)
    training.order(print="without a newline")
    [run_dir] = own_server.runs_dir.iterdir()
    wait_until(lambda: (run_dir / "train.log").read_text().endswith("newline"), 10)

    own_server.start()
    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.locator("#epochs tbody tr")).to_have_count(3)
    expect(page.locator("#notice")).to_be_hidden()
    training.epoch(3)
    expect(page.locator("#epochs tbody tr")).to_have_count(4)
    expect(page.locator("#log")).to_contain_text("epoch 4 is done")
    expect(page.locator("#epochs tbody th")).to_have_text(["3", "2", "1", "0"])
    assert log_of(page) == (run_dir / "train.log").read_text()
    legend = partial(legend_of, page, "loss")
    wait_until(lambda: legend().split() == ["train", "0.2500", "val", "0.5000"], 5, legend)
    training.end()
    wait_for_state(page, "completed")


def test_the_page_switches_to_the_next_run(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    first, second = SteeredTraining(eventlet_server, "first"), SteeredTraining(eventlet_server, "second")
    first.epoch(0)
    first.epoch(1)
    first.end()
    eventlet_server.wait_for_state(eventlet_server.start_run(first.config_name), "completed")
    page = open_page(eventlet_server.url)
    expect(page.locator("#epochs tbody tr")).to_have_count(2)
    second.epoch(0)
    eventlet_server.start_run(second.config_name)
    expect(page.locator("#now-title")).to_have_text("second")
    expect(page.locator("#epochs tbody tr")).to_have_count(1)
    expect(page.locator("#log")).to_contain_text("epoch 1 is done")
    wait_until(lambda: log_of(page) == "epoch 1 is done\n", 5, lambda: log_of(page))
    legend = partial(legend_of, page, "loss")
    wait_until(lambda: legend().split() == ["train", "1.0000", "val", "2.0000"], 5, legend)


@pytest.mark.slow
def test_each_run_has_its_own_address(eventlet_server: LiveServer, open_page: OpenPage, console: Console) -> None:
    console.expected.append(REFUSED_REQUEST)
    first, second = SteeredTraining(eventlet_server, "first"), SteeredTraining(eventlet_server, "second")
    first.epoch(0)
    first.end(3)
    run_id = eventlet_server.start_run(first.config_name)
    eventlet_server.wait_for_state(run_id, "failed")
    eventlet_server.start_run(second.config_name)
    second.epoch(0)
    page = open_page(f"{eventlet_server.url}/runs/{run_id}")
    wait_for_state(page, "failed")
    expect(page.locator("#now-title")).to_have_text("first")
    expect(page.locator("#active-share")).to_have_text("33%")  # The link shows the progress of the active run.
    second.epoch(1)
    page.click(".navigation a[href='./']")
    wait_for_state(page, "running")
    expect(page.locator("#epochs tbody tr")).to_have_count(2)
    wait_until(lambda: log_of(page) == "epoch 1 is done\nepoch 2 is done\n", 5, lambda: log_of(page))
    page.go_back()
    wait_for_state(page, "failed")
    wait_until(lambda: log_of(page) == "epoch 1 is done\n", 5, lambda: log_of(page))
    page.goto(f"{eventlet_server.url}/runs/unknown")
    expect(page.locator("#now-title")).to_have_text("No such run")


def test_the_icon_shows_the_progress(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    training = SteeredTraining(eventlet_server)
    page = open_page(eventlet_server.url)
    icon = page.locator("#icon")
    expect(icon).to_have_attribute("href", "static/favicon.svg")
    start_by_form(page, training)
    training.epoch(0)
    expect(icon).to_have_attribute("href", re.compile("^data:image/svg.*5a72ff.*dasharray%3D%2224.9"))
    training.end(3)
    expect(icon).to_have_attribute("href", re.compile("e0443a"))


def test_a_failed_run_shows_why_and_can_be_run_again(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    training = SteeredTraining(eventlet_server)
    training.order(print="it will not go well\n")
    page = open_page(eventlet_server.url)
    page.evaluate(RECORD_NOTIFICATIONS)
    page.click("#notify")
    expect(page.locator("#notify")).to_have_text("Notify me when a run ends: on")
    start_by_form(page, training)
    wait_for_state(page, "running")
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true, configurable: true})")
    training.end(3)
    wait_for_state(page, "failed")
    ((title, body),) = page.evaluate("notifications")
    assert title == "model: failed"
    assert body.endswith("exit code 3")
    page.evaluate("delete document.hidden")
    expect(page.locator("#reason")).to_have_text("exit code 3")
    expect(page.locator("#log")).to_contain_text("it will not go well")
    expect(page.locator("#last-lines")).to_have_text("it will not go well")
    expect(page.locator("#no-charts")).to_have_text(re.compile("^No metrics"))
    expect(page.locator("#no-epochs")).to_have_text(re.compile("^No epochs"))
    page.click("#again")
    # The folder of a run that is being created is hidden.
    wait_until(lambda: len(list(eventlet_server.runs_dir.glob("[!.]*"))) == 2, 10)
    again = max(path.name for path in eventlet_server.runs_dir.glob("[!.]*"))
    expect(page.locator("#change")).to_have_attribute("href", f"start?from={again}")
    wait_for_state(page, "failed")
    run_requests = [eventlet_server.run(path.name)["request"] for path in eventlet_server.runs_dir.glob("[!.]*")]
    assert run_requests[0] == run_requests[1]


def test_html_in_the_log_and_in_metric_names_is_shown_as_text(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    training = SteeredTraining(eventlet_server)
    evil = "<img src=x onerror=alert(1)>"
    page = open_page(eventlet_server.url)
    start_by_form(page, training)
    training.order(print=evil)
    training.order(row={"epoch": 0, "step": 1, f"train/{evil}": 1.0, "__proto__": 2.0})
    expect(page.locator("#log")).to_have_text(evil)
    expect(page.locator("#charts h3", has_text="img src")).to_be_visible()
    expect(page.locator("main img")).to_have_count(0)


def test_every_server_process_sends_live_updates(tmp_path: Path, open_page: OpenPage, console: Console) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]  # The server ends before the windows are closed.
    server = LiveServer(tmp_path, "gunicorn", workers=2)
    training = SteeredTraining(server)
    server.start()
    try:
        pages = [open_page(server.url) for _ in range(2)]
        start_by_form(pages[0], training)
        training.epoch(0)
        for page in pages:
            expect(page.locator("#connection")).to_have_text("Live")
            expect(page.locator("#epochs tbody tr")).to_have_count(1)
        training.end()
        for page in pages:
            wait_for_state(page, "completed")
    finally:
        end(server)


def test_nothing_overflows(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    training = SteeredTraining(eventlet_server, "a_rather_long_name_of_an_experiment_" * 3)
    training.epoch(0, **{"train/a_long_name_of_a_metric_of_ours": 1.0})
    training.order(print="x" * 500 + "\n")
    page = open_page(eventlet_server.url)
    start_by_form(page, training)
    expect(page.locator("#epochs tbody tr")).to_have_count(1)
    # Compare the content's width with the window's. The charts resize one frame later.
    widest = "Math.max(document.documentElement.scrollWidth, document.querySelector('.plot canvas').clientWidth)"
    for width in (320, 390, 768, 1280, 2560):
        page.set_viewport_size({"width": width, "height": 800})
        wait_until(partial(page.evaluate, f"{widest} <= {width}"), 5, partial(page.evaluate, widest))
