"""Several active runs on the page, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conftest import end
from tests.page.axe import violations
from tests.page.conftest import LOST_SOCKET, REFUSED_REQUEST, Console
from tests.page.training import SteeredTraining
from tests.servers import LiveServer

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips the test, or fails it in CI.

OpenPage = Callable[..., Any]


def test_now_lists_the_other_active_runs(tmp_path: Path, open_page: OpenPage, console: Console) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]  # The server ends before the page does.
    server = LiveServer(tmp_path, TRAINING_MAX_ACTIVE="3").start()
    try:
        first, second, third = [SteeredTraining(server, name) for name in ("first", "second", "third")]
        run_id = server.start_run(first.config_name)
        server.patch(f"/training/runs/{run_id}", {"title": "The first"})
        first.epoch(0)
        page = open_page(server.url)
        expect(page.locator("#percent")).to_have_text("33%")
        expect(page.locator("#active")).to_be_hidden()
        server.start_run(second.config_name)
        server.start_run(third.config_name)
        expect(page.locator("#now-title")).to_have_text("third")
        expect(page.locator("#active-runs a")).to_have_text(["second", "The first"])
        expect(page.locator("#active-runs li").last).to_contain_text("1 of 3 epochs done")
        expect(page.locator("#active-runs .share").last).to_have_text("33%")
        expect(page.locator("#active-share")).to_have_text("3 active")
        expect(page).to_have_title(re.compile("^3 active · running"))
        assert violations(page) == []
        second.end()
        expect(page.locator("#active-runs a")).to_have_text(["The first"])
        page.click("#active-runs a")
        expect(page.locator("#now-title")).to_have_text("The first")
        expect(page.locator("#active")).to_be_hidden()
    finally:
        end(server)
