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
VIEWPORT = {"width": 1280, "height": 900}
OPTIONS: dict[str, Any] = {"viewport": VIEWPORT, "reduced_motion": "reduce"}
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
    """A browser that all tests share. Without one, skip, but fail in CI."""
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


class Windows:
    """Windows that tests use one after another, because a new one costs more than a second of computing."""

    def __init__(self, browser: Any) -> None:
        self.console = Console()
        self._browser = browser
        self._free: list[Any] = []

    def take(self) -> Any:
        return self._free.pop() if self._free else self.new()

    def new(self, **options: Any) -> Any:
        """Return a window with nothing in its cache."""
        page = self._browser.new_context(**OPTIONS | options).new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda message: self.console.record(message))
        page.on("pageerror", lambda error: self.console.complaints.append(f"uncaught: {error}"))
        return page

    def give_back(self, page: Any) -> None:
        """Leave nothing of a test in a window but what the browser has cached."""
        page.unroute_all(behavior="wait")  # Otherwise a handler that still runs fails on a handled route.
        page.evaluate("try { localStorage.clear(); } catch { /* An error page has none. */ }")
        page.goto("about:blank")
        page.emulate_media(color_scheme="light", reduced_motion=OPTIONS["reduced_motion"])
        page.mouse.move(0, 0)
        self._free.append(page)


@pytest.fixture(scope="session")
def windows(browser: Any) -> Windows:
    return Windows(browser)


@pytest.fixture
def open_page(request: pytest.FixtureRequest, windows: Windows, console: Console) -> Iterator[Callable[..., Any]]:
    """Open an address in a window. After the test, fail if the console has unexpected messages.

    A window with options, or for a test that changes it for good, is a new one.
    """
    windows.console = console
    num_failed = request.session.testsfailed
    shared, new = [], []

    def open_(url: str, viewport: dict[str, int] = VIEWPORT, is_new: bool = False, **options: Any) -> Any:
        if is_new or options:
            page = windows.new(viewport=viewport, **options)
            new.append(page)
        else:
            page = windows.take()
            page.set_viewport_size(viewport)
            shared.append(page)
        page.goto(url)
        return page

    yield open_
    windows.console = Console()
    for page in reversed(shared):
        if request.session.testsfailed == num_failed:
            windows.give_back(page)
        else:
            new.append(page)
    for page in new:
        page.context.close()
    assert console.unexpected() == []
