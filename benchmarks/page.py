"""The page in Chromium: drawing, live updates, the first visit, and what comes over the line.

Drawing is the script time from 100,000 rows of a metric to the finished chart, and to one more row. Live is the CPU
time of the page's renderer process while rows, log lines and progress arrive ten times a second. A first visit has
nothing in its cache; it ends in the frame that shows the run's best value.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from benchmarks.figures import Figure
from tests.app.written import write_run
from tests.page.conftest import ARGUMENTS
from tests.servers import LiveServer

NUM_ROWS = 100_000
UPDATE_EVERY_S = 0.1
SETTLE_S, WATCH_S = 3.0, 10.0
DRAW = """async (numRows) => {
    const { createCharts } = await import("/static/charts/charts.js");
    const { NO_METRICS, append } = await import("/static/metrics.js");
    const rows = Array.from({ length: numRows }, (_, i) => [Math.floor(i / 1000), i, 1 / (1 + i) + Math.random() / 9]);
    const metrics = append(NO_METRICS, ["epoch", "step", "train/loss"], rows);
    const place = document.getElementById("charts").parentElement.appendChild(document.createElement("div"));
    const charts = createCharts(place, { save() {} });
    const took = async (metrics) => {
        const began = performance.now();
        charts.show([{ id: "run", metrics }]);
        await Promise.resolve(); // uPlot draws in a microtask.
        return performance.now() - began;
    };
    const whole = await took(metrics);
    await new Promise((resolve) => setTimeout(resolve, 300)); // News are drawn no more often than that.
    const more = await took(append(metrics, ["epoch", "step", "train/loss"], [[100, numRows, 0.1]]));
    charts.remove();
    place.remove();
    return [whole, more];
}"""
NOTE_FIRST_PAINT = """
    window.shownAt = null;
    const look = () => {
        if (document.getElementById("fact-best")?.textContent.includes("epoch")) window.shownAt = performance.now();
        else requestAnimationFrame(look);
    };
    look();
"""
SENT = """["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type))
    .filter(({ name }) => !/training|socket.io/.test(new URL(name).pathname))
    .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0) / 1000"""


def measure(rounds: int) -> Iterator[Figure]:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        print("  skipped: there is no Chromium (apt-get install chromium)", flush=True)
        return
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        server = LiveServer(Path(home)).start()
        write_run(server.runs_dir, "2026-01-01_00-00-00", metrics="epoch,step,val/acc\n0,1,0.5\n1,2,0.75\n")
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        try:
            visits = [first_visit(browser, server.url) for _ in range(rounds)]
            yield Figure("first visit until data are seen", "ms", [ms for ms, _ in visits], goal=500, is_ratio=False)
            yield Figure("sent for it, compressed", "kB", [kb for _, kb in visits], goal=150, is_ratio=False)
            page = browser.new_page()
            page.goto(server.url)
            draws = [page.evaluate(DRAW, NUM_ROWS) for _ in range(rounds)]
            yield Figure("100,000 points drawn", "ms", [whole for whole, _ in draws], goal=100, is_ratio=False)
            yield Figure("one point more drawn", "ms", [more for _, more in draws])
            percents = live_cpu_percent(server, page, rounds)
            yield Figure("CPU at 10 updates a second", "% of a core", percents, goal=10, is_ratio=False)
        finally:
            browser.close()
            server.post("/training/stop", {"mode": "discard"})
            server.kill()


def first_visit(browser: Any, url: str) -> tuple[float, float]:
    """Return the milliseconds until the run is shown, and the kilobytes that the page itself was made of."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script(NOTE_FIRST_PAINT)
    page.goto(url)
    while (shown_at_ms := page.evaluate("window.shownAt")) is None:
        page.wait_for_timeout(50)
    sent_kb = page.evaluate(SENT)
    context.close()
    return float(shown_at_ms), float(sent_kb)


def live_cpu_percent(server: LiveServer, page: Any, rounds: int) -> list[float]:
    num_rows = int(rounds * (WATCH_S + SETTLE_S) / UPDATE_EVERY_S) * 2
    options = ["--rows", str(num_rows), "--pause", str(UPDATE_EVERY_S)]
    server.start_run(server.write_command("live", "write_metrics.py", "{run_dir}", *options))
    page.wait_for_timeout(1000 * SETTLE_S)
    renderer = max(_renderers(), key=lambda process: sum(process.cpu_times()[:2]))
    percents = []
    for _ in range(rounds):
        used_s, began_s = sum(renderer.cpu_times()[:2]), time.monotonic()
        page.wait_for_timeout(1000 * WATCH_S)
        percents.append(100 * (sum(renderer.cpu_times()[:2]) - used_s) / (time.monotonic() - began_s))
    return percents


def _renderers() -> list[psutil.Process]:
    """Our browser's renderer processes; the page's is the one that has worked most."""
    children = psutil.Process().children(recursive=True)
    return [process for process in children if "--type=renderer" in process.cmdline()]
