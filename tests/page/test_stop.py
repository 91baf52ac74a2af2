"""Stopping a run from the page, in a real browser."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.app.written import write_run
from tests.live.processes import program_of, wait_for_log
from tests.page.training import SteeredTraining, start_by_form, wait_for_state
from tests.servers import ROOT, LiveServer

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips the test, or fails it in CI.

OpenPage = Callable[..., Any]


def test_stop_asks_for_confirmation_and_explains_the_effect(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    training = SteeredTraining(eventlet_server)
    page = open_page(eventlet_server.url)
    start_by_form(page, training)
    wait_for_state(page, "running")
    page.click("#stop")
    page.keyboard.press("Escape")
    expect(page.locator("#stop-dialog")).to_be_hidden()
    assert eventlet_server.get("/training/status").json()["state"] == "running"
    page.click("#stop")
    expect(page.locator("#stop-about")).to_contain_text("The program gets SIGTERM")
    expect(page.locator("#stop-about")).not_to_contain_text("checkpoint")
    expect(page.locator("#stop-discard")).to_be_hidden()  # For a command, both buttons would do the same.
    page.click("#stop-save")
    wait_for_state(page, "stopped")
    expect(page.locator("#again")).to_be_visible()


def test_the_question_whether_to_stop_goes_away_when_the_run_ends(
    eventlet_server: LiveServer, open_page: OpenPage
) -> None:
    training = SteeredTraining(eventlet_server)
    page = open_page(eventlet_server.url)
    start_by_form(page, training)
    wait_for_state(page, "running")
    page.click("#stop")
    expect(page.locator("#stop-dialog")).to_be_visible()
    training.end()
    wait_for_state(page, "completed")
    expect(page.locator("#stop-dialog")).to_be_hidden()


@pytest.mark.parametrize("mode", ["save", "discard", ""])
def test_a_run_that_saves_can_be_stopped_with_and_without_saving(
    eventlet_server: LiveServer, open_page: OpenPage, mode: str
) -> None:
    page = open_page(eventlet_server.url)
    page.evaluate("""async () => {
        const { askHowToStop } = await import("/static/views/dialogs.js");
        const on_stop = { signal: "SIGTERM", grace_s: 30, saves: true, exports: true };
        window.answer = askHowToStop({ state: "running", on_stop }, { phase: "fit" }).then(String);
    }""")
    expect(page.locator("#stop-about")).to_contain_text("checkpoint to resume from and exports its best model")
    page.click(f"#stop-dialog button[value='{mode}']")
    assert page.evaluate("window.answer") == (mode or "null")


def test_a_stop_before_the_training_begins_promises_no_checkpoint(
    eventlet_server: LiveServer, open_page: OpenPage
) -> None:
    page = open_page(eventlet_server.url)
    page.evaluate("""async () => {
        const { askHowToStop } = await import("/static/views/dialogs.js");
        const on_stop = { signal: "SIGTERM", grace_s: 30, saves: true, exports: true };
        window.answer = askHowToStop({ state: "running", on_stop }, { phase: "loading" }).then(String);
    }""")
    expect(page.locator("#stop-about")).to_contain_text("nothing to save")
    expect(page.locator("#stop-discard")).to_be_hidden()
    page.get_by_role("button", name="Stop", exact=True).click()
    assert page.evaluate("window.answer") == "save"


HOLD_SLOT = """
import os, pathlib, sys
from app.runs.executors.local.slots import Slots
slots, hidden, run = map(pathlib.Path, sys.argv[1:])
taken = Slots(slots, 1).take(run.name, 0, (), lambda: os.rename(hidden, run))
sys.stdin.read()
"""


def test_the_page_shows_starting_and_stopping(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(eventlet_server.url)
    run_id = "2026-01-01_00-00-00"
    hidden = write_run(eventlet_server.home, run_id, None)
    paths = (eventlet_server.runs_dir.parent / "slots", hidden, eventlet_server.runs_dir / run_id)
    with subprocess.Popen([sys.executable, "-c", HOLD_SLOT, *paths], cwd=ROOT, stdin=subprocess.PIPE):
        wait_for_state(page, "starting")  # The runner has not written a state yet.
    wait_for_state(page, "interrupted")

    run_id = eventlet_server.start_run(eventlet_server.write_command("deaf", "ignore_sigterm.py"))
    wait_for_log(eventlet_server, run_id, "ready")
    assert eventlet_server.post("/training/stop?wait=0").status_code == 202
    wait_for_state(page, "stopping")
    expect(page.locator("#stop")).to_be_hidden()  # A second stop would not end the run sooner.
    program_of(eventlet_server, run_id).kill()
    wait_for_state(page, "stopped")
