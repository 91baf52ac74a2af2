"""Every view is accessible in both themes, small, and stable while it loads."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from app.runs.retention.trash import TRASH
from tests.app.written import write_json, write_metrics, write_model, write_run
from tests.page.axe import violations
from tests.page.conftest import REFUSED_REQUEST, VIEWPORT, Console
from tests.servers import LiveServer
from tests.trainer.trainings import TINY, write_images
from tests.waiting import wait_until

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips the test, or fails it in CI.

OpenPage = Callable[..., Any]
FAILED, COMPLETED = "2026-01-01_00-00-00", "2026-01-02_00-00-00"
MAX_BYTES, MAX_BYTES_IN_ALL = 155_000, 180_000
"""The compressed size of the page at the first visit to a run with a report, and with the views of the navigation."""

VIEWS = {
    "/": "#report-facts div",
    f"/runs/{FAILED}": "#last-lines",
    "/runs/unknown": "#about:has-text('No run')",
    "/runs": "#runs-body td a",
    "/models": ".model",
    f"/try?run={COMPLETED}": ".try-about h2",
    "/start": "#preview-classes li",
    f"/?runs={FAILED},{COMPLETED}": ".compare-table",
}
"""The address of each view, with an element that is visible once the view is complete."""

TOO_SMALL = """() => [...document.querySelectorAll("a, button, input, select, summary, [tabindex='0']")]
    .filter((each) => each.checkVisibility({ visibilityProperty: true }) && !each.closest("#runs-body a, .skip"))
    .map((each) => [each.outerHTML.slice(0, 99), (each.closest("label") ?? each).getBoundingClientRect()])
    .filter(([, { width, height }]) => Math.min(width, height) < 24).map(([html]) => html)
"""
"""The controls that are too small for a finger. In the table of runs, the link covers the whole row."""


@pytest.fixture(scope="module")
def server(module_server: LiveServer) -> LiveServer:
    """A server with data for every view."""
    (module_server.configs_dir / "tiny.yaml").write_text("description: Small.\n" + TINY, encoding="utf-8")
    write_images(module_server.data_dir / "pets", {"cat": 60, "dog": 180}, counts=(4, 2, 2))
    metrics = "epoch,step,train/loss,val/acc,val/loss,lr\n" + "".join(
        f"{i},{9 * i},{1 / (i + 1)},{1 - 0.5 / (i + 1)},{1.1 / (i + 1)},0.001\n" for i in range(30)
    )
    failed = write_run(module_server.runs_dir, FAILED, "failed", reason="ValueError: no", log=b"it went\nwrong\n")
    write_metrics(failed, metrics)
    completed = write_run(module_server.runs_dir, COMPLETED, log=b"\x1b[32mit went well\x1b[0m\n" * 50, metrics=metrics)
    (completed / "config.yaml").write_text(TINY)
    leak = {"kind": "leakage", "split": "test", "message": "1 image is a copy", "count": 1, "files": ["a = b"]}
    write_json(completed / "preflight.json", {"errors": [], "warnings": [leak]})
    facts = {"mean": [0.5], "std": [0.25], "input_shape": [None, 1, 8, 8], "sha256": "0" * 64}
    write_model(completed, **facts)
    (completed / "mistake.png").write_bytes((module_server.data_dir / "pets/train/cat/0.png").read_bytes())
    write_json(completed / "report.json", report())
    write_run(module_server.runs_dir.parent / TRASH / str(time.time_ns() // 1000), "2026-01-03_00-00-00")
    return module_server


def report() -> dict[str, Any]:
    """Return a report on two classes, as the trainer writes it."""
    each = {"precision": 0.9, "recall": 0.8, "f1": 0.85, "auroc": None, "support": 10, "predicted": 9}
    bins = [
        {"low": 0.0, "high": 0.5, "count": 0, "confidence": None, "accuracy": None},
        {"low": 0.5, "high": 1.0, "count": 20, "confidence": 0.95, "accuracy": 0.9},
    ]
    mistake = {"file": "test/cat/1.png", "true": "cat", "predicted": "dog", "probability": 0.97}
    mistake |= {"image": "plain.png", "heatmap": "mistake.png"}
    return {
        "run_id": COMPLETED, "num_images": 20, "num_right": 18, "balanced_accuracy": 0.9, "macro_f1": 0.9,
        "accuracy": {"value": 0.9, "low": 0.699, "high": 0.972, "interval": 0.95, "method": "Wilson"},
        "auroc": {"value": 0.95, "num_images": 20}, "calibration": {"ece": 0.05, "num_bins": 2, "bins": bins},
        "classes": [{"name": "cat", **each}, {"name": "dog", **each, "f1": 0.7}],
        "confusion_matrix": {"class_names": ["cat", "dog"], "counts": [[9, 1], [1, 9]]},
        "confusions": [{"true": "cat", "predicted": "dog", "count": 1, "examples": [mistake]}], "mistakes": [mistake],
        "plots": {}, "loss": 0.3, "created_at": "2026-01-02T00:00:00+00:00", "model_name": "digits",
        "dataset_name": "pets", "config_name": "tiny.yaml", "checkpoint": "epoch_003.ckpt", "split": "test",
        "notes": [],
    }  # fmt: skip


def open_view(open_page: OpenPage, server: LiveServer, path: str, **options: Any) -> Any:
    page = open_page(server.url + path, **options)
    expect(page.locator(VIEWS[path]).first).to_be_visible()
    return page


@pytest.mark.slow
def test_every_view_fits_each_window_suits_fingers_and_passes_axe(server: LiveServer, open_page: OpenPage) -> None:
    widest = "document.documentElement.scrollWidth"
    page = open_page(server.url + "/ping")
    for path, there in VIEWS.items():
        page.goto(server.url + path)
        expect(page.locator(there).first).to_be_visible()
        for width in (3840, 1280, 768, 320):
            page.set_viewport_size({"width": width, "height": 800})
            wait_until(partial(page.evaluate, f"{widest} <= {width}"), 5, partial(page.evaluate, widest))
        assert page.evaluate(TOO_SMALL) == [], path
        page.set_viewport_size(VIEWPORT)
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        assert violations(page) == [], path


def test_axe_finds_no_violation_in_dialogs_and_empty_lists(server: LiveServer, open_page: OpenPage) -> None:
    page = open_view(open_page, server, "/")
    for dialog in ("stop", "cancel", "delete", "token"):
        page.evaluate(f"document.getElementById('{dialog}-dialog').showModal()")
        assert violations(page, "'dialog[open]'") == []
        page.evaluate(f"document.getElementById('{dialog}-dialog').close()")
    page.goto(server.url + "/runs?search=nothing+of+the+kind")
    expect(page.locator("#no-runs")).to_be_visible()
    assert violations(page) == []


def test_the_report_is_shown(server: LiveServer, open_page: OpenPage) -> None:
    page = open_view(open_page, server, "/")
    expect(page.locator("#report-facts")).to_contain_text("90.00% 69.90% \u2013 97.20%")
    expect(page.locator("#matrix tbody tr")).to_have_text(["cat91", "dog19"])
    expect(page.locator("#classes tbody th")).to_have_text(["dog", "cat"])  # Lowest F1 first.
    label = "Calibration error 0.0500. Confidence 50% to 100%: accuracy 90.00% on 20 images."
    expect(page.get_by_role("img", name=label)).to_be_visible()
    mistake = page.locator("#mistakes li")
    expect(mistake).to_contain_text("dog 97.00%")
    expect(mistake).to_contain_text("is cat")
    mistake.scroll_into_view_if_needed()
    wait_until(lambda: mistake.locator("img").evaluate("image => image.naturalWidth") == 8, 5)
    expect(page.locator("#heatmap-note")).to_be_visible()
    expect(page.locator("#confusions h4")).to_have_text("cat taken for dog: 1 image")
    expect(page.locator("#confusions figure")).to_contain_text("dog 97.00%")
    page.click(".navigation a[href='runs']")
    page.click(f"a[title$='{FAILED}']")
    expect(page.locator("#state")).to_have_text("failed")
    expect(page.locator("#report")).to_be_hidden()


def sizes_of(page: Any) -> dict[str, int]:
    """Return the bytes of each response by its path below the assets, except those to requests for data."""
    sizes = page.evaluate("""
        Object.fromEntries(["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type))
            .map(({ name, encodedBodySize }) => [new URL(name).pathname, encodedBodySize]))
    """)
    ours = {name: size for name, size in sizes.items() if not name.startswith(("/training/", "/socket.io/"))}
    return {re.sub("^/assets/[^/]+/", "", name): size for name, size in ours.items()}


def test_the_page_is_small_and_loads_other_views_when_they_are_visited(server: LiveServer, open_page: OpenPage) -> None:
    page = open_view(open_page, server, "/")
    first = sizes_of(page)
    for link in ("runs", "models", "start"):
        page.click(f".navigation a[href='{link}']")
        expect(page.locator(VIEWS[f"/{link}"]).first).to_be_visible()
    in_all = sizes_of(page)
    assert set(first) >= {"/", "main.js", "charts/plot.js", "styles/all.css"}
    assert [name for name in in_all if name.endswith(".woff2")] == ["vendor/page-sans-3.201.woff2"]
    assert set(in_all) - set(first) >= {"runs/view.js", "models/view.js", "start/view.js"}
    print(sum(first.values()), sum(in_all.values()), in_all)
    assert sum(first.values()) < MAX_BYTES
    assert sum(in_all.values()) < MAX_BYTES_IN_ALL


def test_a_view_whose_module_does_not_arrive_says_so(server: LiveServer, open_page: OpenPage, console: Console) -> None:
    console.expected.append(REFUSED_REQUEST)
    page = open_view(open_page, server, "/")
    page.route("**/models/view.js", lambda route: route.abort())
    page.click(".navigation a[href='models']")
    expect(page.locator("#notice")).to_contain_text("did not load")
    page.unroute("**/models/view.js")
    page.click(".navigation a[href='runs']")
    page.click(".navigation a[href='models']")
    expect(page.locator(".model").first).to_be_visible()
    expect(page.locator("#notice")).to_be_hidden()


def test_nothing_moves_while_the_page_loads(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(server.url + "/ping", is_new=True)
    page.add_init_script("""
        window.shifts = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((entry) => (window.shifts += entry.value)))
            .observe({ type: "layout-shift", buffered: true });
    """)
    page.goto(server.url)
    expect(page.locator("#report-facts div").first).to_be_visible()
    assert page.evaluate("window.shifts") < 0.01


def test_the_page_shows_a_run_without_a_socket(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(server.url + "/ping", is_new=True)
    page.route_web_socket(re.compile("socket.io"), lambda _: None)  # The socket opens but never answers.
    page.goto(server.url)
    expect(page.locator("#fact-best")).to_contain_text("epoch")
    expect(page.locator("#log")).to_contain_text("it went well")
    expect(page.locator("#connection")).to_have_text("Connecting…")
    expect(page.locator(".is-stale")).to_have_count(0)


def test_the_page_works_with_the_keyboard_alone(server: LiveServer, open_page: OpenPage) -> None:
    page = open_view(open_page, server, "/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.locator(".navigation a[href='runs']")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    expect(page.locator("#runs-body td a").first).to_be_visible()
    page.locator("#runs-body td a").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#state")).to_have_text("completed")
    page.locator("#delete").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#delete-dialog button").first).to_be_focused()  # The harmless button.
    page.keyboard.press("Escape")
    expect(page.locator("#delete")).to_be_focused()


def test_two_fingers_zoom_a_chart_and_one_scrolls_the_page(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(server.url, viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    plot = page.locator(".u-over").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    [x, y] = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    touch = partial(page.context.new_cdp_session(page).send, "Input.dispatchTouchEvent")

    def swipe(*starts: tuple[float, float], to: tuple[tuple[float, float], ...]) -> None:
        for step in range(6):
            points = [
                {"id": i, "x": a[0] + (b[0] - a[0]) * step / 5, "y": a[1] + (b[1] - a[1]) * step / 5}
                for i, (a, b) in enumerate(zip(starts, to, strict=True))
            ]
            touch({"type": "touchMove" if step else "touchStart", "touchPoints": points})
        touch({"type": "touchEnd", "touchPoints": []})

    swipe((x - 20, y), (x + 20, y), to=((x - 120, y), (x + 120, y)))
    expect(page.get_by_role("button", name="Reset zoom")).to_be_visible()
    before = page.evaluate("scrollY")
    swipe((x, y), to=((x, y - 150),))
    wait_until(lambda: page.evaluate("scrollY") > before + 50, 5, lambda: page.evaluate("scrollY"))


def test_the_api_page_works_without_the_internet(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(server.url + "/docs")
    expect(page.locator(".opblock-summary-path", has_text=re.compile("start$"))).to_be_visible()
    addresses = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert all(address.startswith((server.url, "data:")) for address in addresses), addresses


def test_the_memory_of_a_prewarmed_process_is_shown(server: LiveServer, open_page: OpenPage) -> None:
    page = open_view(open_page, server, "/")
    memory_text = """async (prewarm_memory_mb) => {
        const { renderSystem } = await import("/static/views/system.js");
        const { NO_USAGE } = await import("/static/usage.js");
        const state = { isLoaded: true, view: { name: "now" }, run: null, usage: NO_USAGE };
        renderSystem({ ...state, system: { prewarm_memory_mb, gpus: [] } });
        return document.getElementById("prewarm").textContent;
    }"""
    assert "519\u202fMB" in page.evaluate(memory_text, 519)
    assert page.evaluate(memory_text, None) == ""


def test_the_usage_before_the_page_was_opened_is_shown(server: LiveServer, open_page: OpenPage) -> None:
    wait_until(lambda: len(server.get("/training/system").json()["cpu_percent"]) > 2, 10)
    page = open_view(open_page, server, "/")
    expect(page.locator("#usage")).to_contain_text("CPU")
    line = page.locator(".spark-line").first
    wait_until(lambda: len(re.findall("[ML]", line.get_attribute("d"))) > 2, 10, lambda: line.get_attribute("d"))
