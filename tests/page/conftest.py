"""A real browser: Debian's Chromium with Playwright. Without it, these tests are skipped, but fail in CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest

from tests.servers import LiveServer

INSTALL = "The page's tests need Chromium (apt-get install chromium) and Playwright (pip install playwright)."
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
OPTIONS: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}
"""Without motion the browser draws less."""
WAIT_MS = 15_000
REFUSED_REQUEST = "Failed to load resource"
"""The browser logs this for an HTTP error or a missing response. No page can prevent it."""
LOST_SOCKET = "WebSocket connection to"


@dataclass
class Console:
    """The errors and warnings in the browser's console. A test lists those that it provokes as `expected`."""

    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def record(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({message.location['url']})")

    def unexpected(self) -> list[str]:
        return [text for text in self.complaints if not any(part in text for part in self.expected)]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A browser that all tests share, each with its own windows. Without one, skip, but fail in CI."""
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
    """Allow the browser's spare processes for its next windows, and a dataset check that still runs on the server."""
    assert module_server.process is not None
    server_pid = module_server.process.pid

    def is_of_browser_or_server(process: psutil.Process) -> bool:
        try:
            return is_shared(process) or server_pid in [parent.pid for parent in process.parents()]
        except psutil.Error:
            return True  # The process has exited.

    return is_of_browser_or_server


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
def open_page(browser: Any, console: Console) -> Iterator[Callable[..., Any]]:
    """Open an address in a new window. After the test, fail if the console has unexpected messages."""

    contexts = []

    def open_(url: str, **options: Any) -> Any:
        context = browser.new_context(**OPTIONS | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", console.record)
        page.on("pageerror", lambda error: console.complaints.append(f"uncaught: {error}"))
        page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert console.unexpected() == []
