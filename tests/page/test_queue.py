"""The queue on the page, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.page.axe import violations
from tests.page.training import SteeredTraining, wait_for_state
from tests.servers import LiveServer
from tests.waiting import wait_until

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips the test, or fails it in CI.

OpenPage = Callable[..., Any]


class Queue:
    """A server with an active run that ends on order, and runs that wait behind it."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.training = SteeredTraining(server)
        self.active = server.start_run(self.training.config_name)

    def add(self, *names: str) -> dict[str, str]:
        """Queue a run of a new experiment for each name. Return their ids by name."""
        return {name: self._add(self.server.write_command(name, "exit_with.py", "0")) for name in names}

    def _add(self, config_name: str) -> str:
        answer = self.server.post("/training/start", {"config_name": config_name, "queue": True})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["run_id"])

    def names(self) -> list[str]:
        """Return the names of the waiting experiments, the next one first."""
        runs = self.server.get("/training/queue").json()["runs"]
        return [run["config_name"].removesuffix(".yaml") for run in runs]

    def wait_for(self, *names: str) -> None:
        wait_until(lambda: self.names() == list(names), 10, self.names)


@pytest.fixture
def queue(eventlet_server: LiveServer) -> Queue:
    return Queue(eventlet_server)


def expect_names(page: Any, *names: str) -> None:
    expect(page.locator("#queued a")).to_have_text(list(names))


def button(page: Any, name: str, action: str) -> Any:
    return page.locator("#queued li", has=page.get_by_role("link", name=name, exact=True)).locator(
        f"[data-action={action}]"
    )


def test_a_start_that_has_to_wait_joins_the_queue(queue: Queue, open_page: OpenPage) -> None:
    page = open_page(queue.server.url + "/start")
    expect(page.locator("#start-button")).to_have_text("Add to queue")
    expect(page.locator("#start-button")).to_be_enabled()
    page.fill("#priority", "5")
    expect(page.locator("#curl")).to_contain_text('"priority": 5, "queue": true')
    page.click("#start-button")
    expect(page).to_have_url(re.compile("/$"))
    expect(page.locator("#queue-message")).to_have_text(re.compile("is queued at position 1"))
    expect(page.locator("#queued li")).to_contain_text("1 of 1 runs are active.")
    expect(page.locator("#queued li")).to_contain_text("priority 5")
    page.click("#queued a")
    wait_for_state(page, "queued")
    expect(page.locator("#epoch")).to_have_text("Position 1 in the queue")
    expect(page.locator("#turn")).to_have_text("1 of 1 runs are active.")
    expect(page.locator("#delete")).to_be_hidden()
    expect(page.locator("#again")).to_be_hidden()
    page.click("#cancel")
    page.click("#cancel-really")
    wait_for_state(page, "stopped")
    page.click("#again")
    expect(page.locator("#queue-message")).to_have_text(re.compile("is queued at position 1"))
    page.click(".navigation a[href='start']")
    expect(page.locator("#start-wait")).to_contain_text("Other runs are queued")
    queue.server.post("/training/queue/pause")
    expect(page.locator("#start-wait")).to_contain_text("The queue is paused")
    queue.training.end()
    expect(page.locator("#start-button")).to_have_text("Start now")
    queue.server.write_command("direct", "exit_with.py", "0")
    page.reload()
    page.select_option("#config_name", "direct.yaml")
    page.click("#start-button")  # It need not wait, because the queue is paused.
    expect(page.locator("#now-title")).to_have_text("direct")
    expect(page.locator("#queue-paused")).to_be_visible()


def test_the_order_can_be_changed_by_keyboard_and_pointer_in_several_tabs(queue: Queue, open_page: OpenPage) -> None:
    page, other = (open_page(queue.server.url + path) for path in ("/runs", "/"))
    expect(page.locator("#no-queued")).to_be_visible()
    expect(other.locator("#queue")).to_be_hidden()
    ids = queue.add("a", "b", "c", "d")
    expect_names(page, "a", "b", "c", "d")
    grip = button(page, "c", "drag")
    grip.focus()
    for key in ("ArrowUp", "ArrowUp", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
    expect_names(page, "a", "c", "b", "d")
    expect(grip).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="c is now at position 2 of 4.")).to_be_visible()
    expect_names(other, "a", "c", "b", "d")
    queue.wait_for("a", "c", "b", "d")

    box, last = (button(page, name, "drag").bounding_box() for name in ("a", "d"))
    page.mouse.move(box["x"] + 9, box["y"] + 9)
    page.mouse.down()
    page.mouse.move(last["x"] + 9, last["y"] + last["height"], steps=3)
    button(other, "b", "first").click()
    queue.wait_for("b", "a", "c", "d")  # Nothing moves below a pointer that drags.
    page.mouse.up()
    queue.wait_for("b", "c", "d", "a")
    expect_names(page, "b", "c", "d", "a")
    expect_names(other, "b", "c", "d", "a")

    button(page, "d", "cancel").click()
    page.keyboard.press("Escape")
    button(page, "d", "cancel").click()
    page.click("#cancel-really")
    expect_names(page, "b", "c", "a")
    expect(button(page, "a", "cancel")).to_be_focused()  # The run that took its place.
    assert queue.server.run(ids["d"])["state"] == "stopped"
    button(page, "c", "cancel").click()
    queue.server.post("/training/stop", {"run_id": ids["c"]})
    expect(page.locator("#cancel-dialog")).to_be_hidden()
    expect(page.locator("#queue-message")).to_contain_text("is no longer queued")

    page.click("#queue-pause")
    for each in (page, other):
        expect(each.locator("#queue-paused")).to_be_visible()
        expect(each.locator("#queue-pause")).to_have_text("Resume queue")
    assert violations(page) == []
    other.click("#queue-pause")
    expect(page.locator("#queue-paused")).to_be_hidden()
    queue.training.end()
    expect(page.locator("#no-queued")).to_be_visible()
    for name in ("a", "b"):
        queue.server.wait_for_state(ids[name], "completed")
