"""A real browser: Debian's Chromium, driven by Playwright. Without it these tests are skipped; in CI they fail."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest

from tests.conftest import end, renew
from tests.servers import LiveServer

INSTALL = "The page's tests need Chromium (apt-get install chromium) and Playwright (pip install playwright)."
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
WAIT_MS = 15_000
REFUSED_REQUEST = "Failed to load resource"
"""The browser's own message about an error or a missing answer, which no page can prevent."""
LOST_SOCKET = "WebSocket connection to"


@dataclass
class Console:
    """The browser's complaints. A test lists those that it provokes."""

    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def unexpected(self) -> list[str]:
        return [text for text in self.complaints if not any(part in text for part in self.expected)]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One browser for all tests, each in its own windows. Skip without one, or in CI fail."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        path = None
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(INSTALL)
        pytest.skip(INSTALL)
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def is_shared(
    is_shared: Callable[[psutil.Process], bool], browser: Any, module_server: LiveServer
) -> Callable[[psutil.Process], bool]:
    """The browser keeps spare processes for its next windows, and the server may still check a dataset."""
    assert module_server.process is not None
    server_pid = module_server.process.pid

    def is_of_browser_or_server(process: psutil.Process) -> bool:
        try:
            return is_shared(process) or server_pid in [parent.pid for parent in process.parents()]
        except psutil.Error:
            return True  # It is gone.

    return is_of_browser_or_server


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
def open_page(browser: Any, console: Console) -> Iterator[Callable[..., Any]]:
    """Open an address in a new window. At the end the console must have only expected complaints."""

    contexts = []

    def open_(url: str, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", console.hear)
        page.on("pageerror", lambda error: console.complaints.append(f"uncaught: {error}"))
        page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert console.unexpected() == []


@pytest.fixture(scope="module")
def module_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A running server, for tests that do not depend on its kind."""
    server = LiveServer(tmp_path_factory.mktemp("shared"), "eventlet")
    server.start()
    yield server
    end(server)


@pytest.fixture
def eventlet_server(module_server: LiveServer) -> Iterator[LiveServer]:
    """The module's server, without the runs and experiments of other tests."""
    yield module_server
    renew(module_server)
