"""A real browser: Debian's Chromium, driven by Playwright. Without one these tests are skipped, in CI they fail."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import end
from tests.servers import LiveServer

INSTALL = "The page's tests need Chromium (apt-get install chromium) and Playwright (pip install playwright)."
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
WAIT_MS = 15_000

Evaluate = Callable[..., Any]


@dataclass
class Console:
    """What the browser complained about. A test says which complaints it provokes."""

    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def unexpected(self) -> list[str]:
        return [text for text in self.complaints if not any(part in text for part in self.expected)]


@contextmanager
def launched_browser() -> Iterator[Any]:
    """Launch the browser for a while, or skip (in CI fail) where there is none."""
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
def browser() -> Iterator[Any]:
    with launched_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def evaluate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluate]:
    """Run the body of an async JavaScript function (`given` is its argument) on an empty page and return its result."""
    with launched_browser() as browser:
        server = LiveServer(tmp_path_factory.mktemp("modules"), "eventlet").start()
        page = browser.new_page()
        page.goto(server.url + "/ping")
        yield lambda body, given=None: page.evaluate(f"async (given) => {{ {body} }}", given)
        end(server)


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
def open_page(browser: Any, console: Console) -> Iterator[Callable[..., Any]]:
    """Open an address in a window of its own. What the console says must have been expected."""

    def open_(url: str, **options: Any) -> Any:
        page = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}).new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", console.hear)
        page.on("pageerror", lambda error: console.complaints.append(f"uncaught: {error}"))
        page.goto(url)
        return page

    yield open_
    for context in browser.contexts:
        context.close()
    assert console.unexpected() == []


@pytest.fixture
def eventlet_server(tmp_path: Path) -> Iterator[LiveServer]:
    """A started server of one kind, for what does not depend on the kind."""
    server = LiveServer(tmp_path, "eventlet")
    server.start()
    yield server
    end(server)


@pytest.fixture(scope="module")
def module_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    server = LiveServer(tmp_path_factory.mktemp("shared"), "eventlet")
    server.start()
    yield server
    end(server)


@pytest.fixture
def idle_server(module_server: LiveServer) -> LiveServer:
    """The module's server without any run, for what starts none."""
    shutil.rmtree(module_server.runs_dir, ignore_errors=True)
    return module_server
