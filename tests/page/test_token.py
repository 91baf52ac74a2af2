"""The page of a service with tokens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conftest import end
from tests.page.conftest import LOST_SOCKET, REFUSED_REQUEST, Console
from tests.page.training import SteeredTraining, start_by_form, wait_for_state
from tests.servers import LiveServer

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips the test, or fails it in CI.

OpenPage = Callable[..., Any]


def enter(page: Any, token: str) -> None:
    page.fill("#token", token)
    page.keyboard.press("Enter")


def test_the_page_prompts_for_the_token_once_and_offers_what_it_allows(
    tmp_path: Path, open_page: OpenPage, console: Console
) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]  # The server ends before the page does.
    server = LiveServer(tmp_path, TRAINING_API_TOKEN="open-sesame", TRAINING_READ_TOKEN="peep")
    server.start()
    training = SteeredTraining(server)
    try:
        page = open_page(server.url)
        enter(page, "wrong")
        expect(page.locator("#token-wrong")).to_be_visible()
        enter(page, "peep")
        expect(page.locator("#connection")).to_have_text("Live")
        expect(page.get_by_text("View only")).to_be_visible()
        page.goto(f"{server.url}/start")
        expect(page.get_by_text("Your token lets you follow runs.")).to_be_visible()
        assert page.locator("[data-changes]:visible").count() == 0
        page.click("#forget-token")
        enter(page, "open-sesame")
        expect(page.locator("#connection")).to_have_text("Live")
        expect(page.locator("#token-dialog")).to_be_hidden()
        expect(page.get_by_text("View only")).to_be_hidden()
        start_by_form(page, training)
        wait_for_state(page, "running")
        training.leave_models()
        training.end()
        wait_for_state(page, "completed")
        page.reload()
        with page.expect_download() as started:
            page.click("#download")
        assert started.value.suggested_filename == "mine.onnx"
        assert Path(started.value.path()).read_bytes() == b"\x08\x0a\x3a\x00"
        with page.expect_download() as started:
            page.locator("#run-models tr", has_text="earlier.onnx").get_by_role("link").click()
        assert started.value.suggested_filename == "earlier.onnx"
        expect(page.locator("#token-dialog")).to_be_hidden()
    finally:
        end(server)
