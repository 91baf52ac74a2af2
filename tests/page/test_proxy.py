"""The page behind a real proxy that serves it below a path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import end
from tests.page.conftest import LOST_SOCKET, REFUSED_REQUEST, Console
from tests.proxy import proxied
from tests.servers import LiveServer

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips the test, or fails it in CI.

Open = Callable[..., Any]

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")


def test_the_page_works_below_a_path(open_page: Open, eventlet_server: LiveServer, tmp_path: Path) -> None:
    server = eventlet_server
    run_id = server.start_run(server.write_command("prints", "exit_with.py", "0"))
    server.wait_for_state(run_id, "completed")
    with proxied(tmp_path / "nginx", server.url, strips=True, tls=True) as address:
        page = open_page(f"{address}/runs/{run_id}", ignore_https_errors=True)
        expect(page.locator("#connection")).to_have_attribute("data-status", "live")
        expect(page.locator("#state")).to_have_text("completed")
        page.click(".navigation a[href='runs']")
        page.click(f"#runs-body a[href='runs/{run_id}']")
        expect(page).to_have_url(f"{address}/runs/{run_id}")
        page.reload()
        expect(page.locator("#state")).to_have_text("completed")
        with page.expect_download() as downloaded:
            page.click("a[download]")
        assert downloaded.value.url.startswith(f"{address}/training/runs/{run_id}/artifacts/")
        page.click("#change")
        expect(page).to_have_url(f"{address}/start?from={run_id}")
        expect(page.locator("#curl")).to_contain_text(f"{address}/training/start")
        page.click(".brand")
        expect(page).to_have_url(f"{address}/")
        page.goto(f"{address}/docs")
        page.click("text=/ping")
        page.click("text=Try it out")
        page.click(".execute")
        expect(page.locator(".request-url")).to_contain_text(f"{address}/ping")
        expect(page.locator(".live-responses-table .response .response-col_status")).to_contain_text("200")


def test_the_skip_link_works_in_every_view(open_page: Open, eventlet_server: LiveServer) -> None:
    page = open_page(f"{eventlet_server.url}/runs")
    expect(page.locator("#connection")).to_have_attribute("data-status", "live")
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    expect(page).to_have_url(f"{eventlet_server.url}/runs")


def test_a_proxy_that_rewrites_the_host_is_named(
    open_page: Open, eventlet_server: LiveServer, console: Console, tmp_path: Path
) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    with proxied(tmp_path / "nginx", eventlet_server.url, strips=True, host="localhost:1") as address:
        page = open_page(address + "/")
        expect(page.locator("#connection")).to_have_attribute("data-status", "refused")
        expect(page.locator("#notice")).to_contain_text("may not use this service")


def test_a_proxy_without_websockets_is_named_if_there_are_several_workers(
    open_page: Open, console: Console, tmp_path: Path
) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    server = LiveServer(tmp_path, "gunicorn", workers=2).start()
    try:
        with proxied(tmp_path / "nginx", server.url, strips=True, upgrade="") as address:
            page = open_page(address + "/")
            expect(page.locator("#connection")).to_have_attribute("data-status", "refused")
            expect(page.locator("#notice")).to_contain_text("let proxies forward the upgrade")
    finally:
        end(server)
