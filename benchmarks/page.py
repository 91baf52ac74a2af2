"""The page in Chromium: drawing, live updates, the first visit, and the bytes sent.

The script time of drawing is measured for a chart of 100,000 rows, and then for one more row. The chart has two lines,
a training loss in each row, and a validation loss in each 500th. The cost of live updates is the CPU time of the page's
renderer process while rows, log lines and progress arrive ten times a second. A first visit starts with an empty cache
and ends with the frame that shows the run's best value.

The page keeps the peaks, the ends and the NaN of each pixel column before uPlot sees the points, although uPlot
reduces points too. Without that, uPlot first joins all points of all lines: in the same minute on a busy machine the
first drawing then took 430 ms instead of 207 ms, and one more row 111 ms instead of 27 ms (medians of 7).
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
from benchmarks.serving import cpu_s
from tests.app.written import write_run
from tests.page.conftest import ARGUMENTS
from tests.servers import LiveServer

NUM_ROWS = 100_000
UPDATE_EVERY_S = 0.1
SETTLE_S, WATCH_S = 3.0, 10.0
DRAW = """async (numRows) => {
    const { createCharts } = await import("/static/charts/charts.js");
    const { NO_METRICS, append } = await import("/static/metrics.js");
    const names = ["epoch", "step", "train/loss", "val/loss"];
    const validation = (i) => (i % 500 === 499 ? Math.random() : null);
    const loss = (i) => 1 / (1 + i) + Math.random() / 9;
    const rows = Array.from({ length: numRows }, (_, i) => [Math.floor(i / 1000), i, loss(i), validation(i)]);
    const metrics = append(NO_METRICS, names, rows);
    const container = document.createElement("div");
    document.getElementById("main").prepend(container);
    const charts = createCharts(container, { save() {} });
    const milliseconds = async (metrics) => {
        const began = performance.now();
        charts.show([{ id: "run", metrics }]);
        await Promise.resolve(); // uPlot draws in a microtask.
        return performance.now() - began;
    };
    const whole = await milliseconds(metrics);
    await new Promise((resolve) => setTimeout(resolve, 300)); // Let the browser determine which charts are in view.
    const more = await milliseconds(append(metrics, names, [[100, numRows, 0.1, 0.2]]));
    charts.remove();
    container.remove();
    return [whole, more];
}"""
NOTE_FIRST_PAINT = """
    window.shownAt = null;
    const watch = () => {
        if (document.getElementById("fact-best")?.textContent.includes("epoch")) window.shownAt = performance.now();
        else requestAnimationFrame(watch);
    };
    watch();
"""
SENT = """["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type))
    .filter(({ name }) => !/^\\/(training|socket\\.io)\\//.test(new URL(name).pathname))
    .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0) / 1000"""


def measure(rounds: int) -> Iterator[Figure]:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        print("  skipped: no Chromium (apt-get install chromium)", flush=True)
        return
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        server = LiveServer(Path(home)).start()
        write_run(server.runs_dir, "2026-01-01_00-00-00", metrics="epoch,step,val/acc\n0,1,0.5\n1,2,0.75\n")
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        try:
            visits = [first_visit(browser, server.url) for _ in range(rounds)]
            yield Figure("first visit until data is visible", "ms", [ms for ms, _ in visits], goal=500, is_ratio=False)
            yield Figure("sent for it, compressed", "kB", [kb for _, kb in visits], goal=150, is_ratio=False)
            page = browser.new_page()
            page.goto(server.url)
            draws = [page.evaluate(DRAW, NUM_ROWS) for _ in range(rounds)]
            yield Figure("100,000 points drawn", "ms", [whole for whole, _ in draws], goal=100, is_ratio=False)
            yield Figure("one more point drawn", "ms", [more for _, more in draws])
            percents = live_cpu_percent(server, page, rounds)
            yield Figure("CPU at 10 updates a second", "% of a core", percents, goal=10, is_ratio=False)
        finally:
            browser.close()
            server.post("/training/stop", {"mode": "discard"})
            server.kill()


def first_visit(browser: Any, url: str) -> tuple[float, float]:
    """Return the milliseconds until the run is visible, and the kilobytes of the page itself."""
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
    renderer = max(_renderers(), key=cpu_s)
    percents = []
    for _ in range(rounds):
        used_s, began_s = cpu_s(renderer), time.monotonic()
        page.wait_for_timeout(1000 * WATCH_S)
        percents.append(100 * (cpu_s(renderer) - used_s) / (time.monotonic() - began_s))
    return percents


def _renderers() -> list[psutil.Process]:
    """Return the renderer processes of our browser. The page's has used the most CPU."""
    children = psutil.Process().children(recursive=True)
    return [process for process in children if "--type=renderer" in process.cmdline()]
