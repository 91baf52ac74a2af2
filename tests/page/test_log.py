"""A live log and a log of 100 MB, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.app.written import write_run
from tests.page.training import SteeredTraining
from tests.servers import LiveServer
from tests.waiting import wait_until

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips the test, or fails it in CI.

OpenPage = Callable[..., Any]
MAX_ROWS = 3001


def visible_rows(page: Any) -> list[str]:
    """Return the visible rows."""
    return list(
        page.evaluate("""() => {
            const list = document.getElementById("log");
            const { top, bottom } = list.getBoundingClientRect();
            const boxes = [...list.children].map((row) => [row.getBoundingClientRect(), row.textContent]);
            return boxes.filter(([box]) => box.bottom > top + 15 && box.top < bottom - 15).map(([, text]) => text);
        }""")
    )


def scroll(page: Any, by: int) -> None:
    page.evaluate("(by) => (document.getElementById('log').scrollTop += by)", by)


def test_the_log_follows_its_end_until_a_person_scrolls_up(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    training = SteeredTraining(eventlet_server)
    page = open_page(eventlet_server.url)
    eventlet_server.start_run(training.config_name)
    rows = page.locator("#log .row")
    for first in range(0, 9000, 1000):
        training.order(print="".join(f"line {i}\n" for i in range(first, first + 1000)))
        if not first:  # A page that begins to follow later gets only the end of the log.
            expect(rows.filter(has_text="line 999")).to_be_attached()
    training.order(print="x" * 100_000 + "\nthe end")
    expect(rows.last).to_have_text("the end")
    assert 1000 < rows.count() <= MAX_ROWS
    expect(page.locator("#log-follow")).to_be_hidden()
    assert visible_rows(page)[-1] == "the end"

    training.order(print="\n 10%\r 50%")
    expect(rows.last).to_have_text(" 50%")
    training.order(print="\r\x1b[32m100%\x1b[0m <b>\n")
    expect(page.locator("#log .sgr-fg")).to_have_text("100%")
    assert visible_rows(page)[-1] == "100% <b>"

    scroll(page, -400)
    expect(page.locator("#log-follow")).to_be_visible()
    before = visible_rows(page)
    training.order(print="one more\n")
    expect(rows.filter(has_text="one more")).to_have_count(1)
    assert visible_rows(page) == before

    # Scroll beyond the loaded rows. The page loads the previous chunk, and nothing jumps.
    scroll(page, -1_000_000)
    expect(rows.filter(has_text="line 0").first).to_be_attached()
    page.click("#log-follow")
    expect(page.locator("#log-follow")).to_be_hidden()
    wait_until(lambda: visible_rows(page)[-1] == "one more", 5, lambda: visible_rows(page)[-3:])
    training.end()
    eventlet_server.wait_for_state(eventlet_server.get("/training/metrics/runs").json()[0]["run_id"], "completed")


def test_a_log_of_100_mb_can_be_read_and_searched_anywhere(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    lines = [f"{i:07} of a long log {'.' * 77}\n" for i in range(1_000_000)]
    lines[700_000] = "0700000 \x1b[31mthe \x1b[1mneedle\x1b[0m\n"
    lines[300_000] = "0300000 The Needle\n"
    write_run(eventlet_server.runs_dir, "2026-01-01_10-00-00", log="".join(lines).encode())
    page = open_page(eventlet_server.url)
    rows = page.locator("#log .row")
    expect(rows.filter(has_text="0999999")).to_be_visible()
    expect(page.locator(".log-where")).to_have_text(re.compile("^100\\sMB of 100\\sMB$"))

    # Scroll up many times. The page never holds more than a few thousand rows.
    for _ in range(3):
        first = rows.first.inner_text()
        scroll(page, -1_000_000)
        wait_until(lambda: rows.first.inner_text() < first, 5, rows.first.inner_text)  # noqa: B023
    assert rows.count() <= MAX_ROWS
    numbers = [int(text[:7]) for text in rows.all_inner_texts() if text]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))

    # Search the whole log. A match may span several colours.
    page.keyboard.press("Tab")
    page.locator("#log").focus()
    page.keyboard.press("Control+f")
    page.keyboard.type("the needle")
    expect(page.locator(".log-found")).to_have_text("2 lines")
    page.keyboard.press("Enter")
    expect(page.locator("#log .is-current")).to_have_text("0300000 The Needle")
    expect(page.locator(".log-found")).to_have_text("1 of 2")
    page.keyboard.press("Enter")
    expect(page.locator("#log .is-current")).to_have_text("0700000 the needle")
    assert "0700000 the needle" in visible_rows(page)
    wait_until(lambda: page.evaluate("CSS.highlights.get('log-match')?.size") == 1, 5)
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".log-found")).to_have_text("1 of 2")
    page.keyboard.press("Escape")
    expect(page.locator(".log-found")).to_have_text("")

    # Move anywhere with the slider, and to both ends by keyboard.
    page.get_by_label("Position in the log").fill("50000000")
    wait_until(lambda: visible_rows(page)[0].startswith("04"), 5, lambda: visible_rows(page)[:2])
    page.locator("#log").focus()
    page.keyboard.press("Home")
    wait_until(lambda: visible_rows(page)[0].startswith("0000000"), 5, lambda: visible_rows(page)[:2])
    page.locator("#log").focus()
    page.keyboard.press("End")
    wait_until(lambda: visible_rows(page)[-1].startswith("0999999"), 5, lambda: visible_rows(page)[-2:])
    assert rows.count() <= MAX_ROWS
