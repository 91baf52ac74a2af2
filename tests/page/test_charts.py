"""Charts and comparison in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.app.written import write_run
from tests.page.conftest import REFUSED_REQUEST, Console
from tests.page.training import SteeredTraining
from tests.servers import LiveServer
from tests.waiting import wait_until

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips the test, or fails it in CI.

OpenPage = Callable[..., Any]
NUM_ROWS = 100_000


def write_long_run(server: LiveServer) -> None:
    """Write a run of 100,000 rows with a validation after every 1,000, a peak, three NaN and an infinity."""
    odd = {12_345: "50", 40_000: "nan", 40_001: "nan", 70_000: "nan", 60_000: "inf"}
    lines = ["epoch,lr,step,train/loss,val/acc,val/loss"]
    for i in range(NUM_ROWS):
        lines.append(f"{i // 1000},0.001,{i},{odd.get(i, 1 + 1 / (1 + i))},,")
        if i % 1000 == 999:
            lines.append(f"{i // 1000},,{i},,{i / 200_000},{2 - i / 100_000}")
    write_run(server.runs_dir, "2026-01-01_10-00-00", metrics="\n".join(lines) + "\n")


def chart(page: Any, title: str) -> Any:
    return page.locator(".chart", has=page.locator("h3", has_text=re.compile(f"^{title}$")))


def position_of(page: Any, title: str) -> str:
    return str(chart(page, title).locator(".chart-position").inner_text())


def is_read_at(page: Any, title: str, x: float, y: float) -> bool:
    """Move the cursor there, and return whether the chart shows the step below it. It does not while it redraws."""
    page.mouse.move(x, y)
    return position_of(page, title).startswith("step ")


def range_of(page: Any, title: str) -> tuple[float, float]:
    """Return the positions that the cursor shows at the chart's edges."""
    box = chart(page, title).locator(".u-over").bounding_box()
    found = []
    for x in (box["x"] + 1, box["x"] + box["width"] - 1):
        wait_until(lambda x=x: is_read_at(page, title, x, box["y"] + 20), 5, lambda: position_of(page, title))
        found.append(float(position_of(page, title).split(" ")[1].replace("\u2009", "")))
    return found[0], found[1]


@pytest.mark.slow
def test_charts_of_100_000_points_zoom_pan_and_export(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    write_long_run(eventlet_server)
    page = open_page(eventlet_server.url)
    loss = chart(page, "loss")
    expect(loss.locator(".legend li").first).to_contain_text("NaN 3 times, first at step 40\u2009000, \u221e once")
    expect(loss.locator(".legend li").last).to_contain_text("best 1.0000 at step 99\u2009999")
    expect(page.locator(".chart h3")).to_have_text(["loss", "acc", "lr"])
    expect(loss.locator("[role=group]")).to_have_attribute("aria-roledescription", "chart")
    expect(loss.locator("p").first).to_contain_text("train: 1.0000 at step 99\u2009999, best")
    width = page.locator(".plot").first.evaluate("(element) => element.clientWidth")
    assert 2 * width < int(loss.locator(".plot").get_attribute("data-num-points") or 0) < 9 * width

    # All charts share the cursor, and each shows its nearest value.
    loss.locator(".u-over").hover(position={"x": 100, "y": 50})
    expect(loss.locator(".chart-position")).to_have_text(re.compile("^step "))
    expect(chart(page, "lr").locator(".chart-position")).to_have_text(position_of(page, "loss"))
    expect(chart(page, "acc").locator(".chart-position")).to_have_text(re.compile("^step "))

    # By keyboard: read values, zoom, pan, and reset.
    plot = loss.locator(".plot")
    plot.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(loss.locator("[aria-live]")).to_have_text(re.compile("^step 1\u2009000: train 1.0010, val 1.99"))
    for key in ("+", "+", "Shift+ArrowRight"):
        page.keyboard.press(key)
    expect(page.get_by_role("button", name="Reset zoom")).to_be_visible()
    wait_until(lambda: range_of(page, "loss")[1] < 90_000, 5, lambda: range_of(page, "loss"))
    low, high = range_of(page, "acc")
    assert 20_000 < low < high < 90_000
    plot.focus()
    page.keyboard.press("0")
    expect(page.get_by_role("button", name="Reset zoom")).to_be_hidden()

    # By mouse: select a range, pan it with Shift, and reset with a double click.
    box = loss.locator(".u-over").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.25 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], middle, steps=3)
    page.mouse.up()
    wait_until(lambda: range_of(page, "acc")[1] < 52_000, 5, lambda: range_of(page, "acc"))
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + 0.75 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.25 * box["width"], middle, steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")
    wait_until(lambda: 34_000 < range_of(page, "loss")[0] < 41_000, 5, lambda: range_of(page, "loss"))
    loss.locator(".u-over").dblclick()
    expect(page.get_by_role("button", name="Reset zoom")).to_be_hidden()

    # Another axis, another scale and smoothing survive a reload.
    page.get_by_role("radio", name="Epoch").check()
    page.get_by_role("radio", name="Log").check()
    page.get_by_label("Smoothing").fill("0.9")
    page.mouse.move(0, 0)
    expect(loss.locator(".chart-position")).to_have_text("by epoch")
    expect(loss.locator(".legend li").last).to_contain_text("at epoch 99")
    page.reload()
    expect(loss.locator(".chart-position")).to_have_text("by epoch")
    expect(page.get_by_label("Smoothing")).to_have_value("0.9")

    # Hide and show a line by keyboard.
    train = loss.get_by_role("button", name="train")
    train.focus()
    page.keyboard.press("Enter")
    expect(train).to_have_attribute("aria-pressed", "false")
    expect(loss.locator("p").first).not_to_contain_text("train:")
    page.keyboard.press("Enter")
    expect(train).to_have_attribute("aria-pressed", "true")

    with page.expect_download() as image:
        page.get_by_role("button", name="Save the chart of loss as PNG").click()
    assert image.value.suggested_filename == "loss.png"
    assert Path(image.value.path()).read_bytes().startswith(b"\x89PNG")
    with page.expect_download() as table:
        page.get_by_role("button", name="Save the metrics as CSV").click()
    rows = Path(table.value.path()).read_text().splitlines()
    assert len(rows) == 1 + NUM_ROWS + NUM_ROWS // 1000
    assert "40,0.001,40000,nan,," in rows


def test_a_live_nan_is_marked(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    training = SteeredTraining(eventlet_server)
    training.epoch(0)
    page = open_page(eventlet_server.url)
    eventlet_server.start_run(training.config_name)
    expect(chart(page, "loss").locator(".legend-entry").first).to_contain_text("1.0000")
    training.order(row={"epoch": 1, "step": 19, "train/loss": float("nan")})
    expect(chart(page, "loss").locator(".legend li").first).to_contain_text("NaN once, at step 19")
    expect(chart(page, "loss").locator(".legend-entry").first).to_contain_text("NaN")
    page.reload()
    expect(chart(page, "loss").locator(".legend li").first).to_contain_text("NaN once, at step 19")


def test_runs_can_be_compared(eventlet_server: LiveServer, open_page: OpenPage, console: Console) -> None:
    console.expected.append(REFUSED_REQUEST)
    ids = ["2026-01-01_10-00-00", "2026-01-01_11-00-00", "2026-01-01_12-00-00"]
    for number, run_id in enumerate(ids, 1):
        rows = "".join(f"{i},{i * 10},{number / (i + 1)},{number / 10}\n" for i in range(20))
        run = write_run(eventlet_server.runs_dir, run_id, metrics="epoch,step,train/loss,val/acc\n" + rows)
        (run / "config.yaml").write_text(f"seed: 1\noptimizer: {{lr: {number}}}\n")
    page = open_page(f"{eventlet_server.url}/?runs={ids[0]},{ids[2]},nonsense")
    compare = page.locator("#compare")
    expect(compare.locator(".problem")).to_contain_text("No run 'nonsense'")
    expect(compare.locator(".chip-name > span")).to_have_text(["10-00-00", "12-00-00"])
    table = {row[0]: row[1:] for row in map(str.split, compare.locator("tbody tr").all_inner_texts()) if len(row) > 2}
    assert table["optimizer.lr"] == ["1", "3"]
    assert "seed" not in table
    assert table["train/loss"] == ["0.0500", "0.1500"]
    expect(compare.locator(".is-best")).to_have_text(["0.0500", "0.3000", "0.0500", "0.3000"])
    entries = compare.locator(".chart").first.locator(".legend-entry")
    expect(entries).to_have_text(["10-00-00 train0.0500", "12-00-00 train0.1500"])

    compare.locator(".chip-name").first.click()
    expect(entries).to_have_text(["12-00-00 train0.1500"])
    compare.get_by_label("Add a run").select_option(ids[1])
    compare.get_by_role("button", name="Add", exact=True).click()
    expect(compare.locator(".chip")).to_have_count(3)
    compare.get_by_role("button", name="Remove 10-00-00 from the comparison").click()
    expect(compare.locator(".chip-name > span")).to_have_text(["12-00-00", "11-00-00"])
    with page.expect_download() as download:
        compare.get_by_role("button", name="Save the metrics as CSV").click()
    assert Path(download.value.path()).read_text().splitlines()[:2] == [
        "run_id,epoch,step,train/loss,val/acc",
        f"{ids[2]},0,0,3,0.3",
    ]
