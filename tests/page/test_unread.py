"""The page reports unreadable parts of a metrics file."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.page.training import SteeredTraining
from tests.servers import LiveServer

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips the test, or fails it in CI.

GOOD = "epoch,step,val/loss\n0,1,0.5\n1,2,0.4\n"
ODD = "epoch,step,val/loss,note\n0,1,0.5,\n1,2,0.4,<b>warm</b>\n" + "2,3,0.3,x,9\n" * 4 + "two,4,0.2,\n"
TOO_WIDE = "a," * 700_000 + "b\n1\n"


def test_the_page_counts_and_names_skipped_rows_and_columns(
    eventlet_server: LiveServer, open_page: Callable[..., Any]
) -> None:
    training = SteeredTraining(eventlet_server)
    training.order(file="metrics.csv", text=GOOD)
    run_id = eventlet_server.start_run(training.config_name)
    page = open_page(f"{eventlet_server.url}/runs/{run_id}", viewport={"width": 360, "height": 800})
    unread, charts = page.locator("#unread"), page.locator(".chart h3")
    expect(charts).to_have_text(["loss"])
    expect(unread).to_be_hidden()

    training.order(file="metrics.csv", text=ODD)
    expect(unread).to_contain_text("5 rows skipped: line 4 has 5 cells under a header of 4, line 5")
    expect(unread).to_contain_text(re.compile("and 2 more.*note"))
    expect(charts).to_have_text(["loss"])
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    text = unread.inner_text()
    page.reload()
    expect(unread).to_have_text(text)

    training.order(file="metrics.csv", text=TOO_WIDE)
    expect(unread).to_contain_text("cannot be read")
    expect(unread).not_to_contain_text("skipped")
    training.order(file="metrics.csv", text=GOOD)
    expect(unread).to_be_hidden()

    training.order(file="metrics.csv", text=TOO_WIDE)
    training.end()
    expect(page.locator("#state")).to_have_text("completed")
    page.reload()
    expect(unread).to_contain_text("cannot be read")
    expect(page.locator("#no-charts")).to_be_hidden()
