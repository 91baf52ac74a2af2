"""What holds for every view: accessible in both themes, small, quick, steady, quiet."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.app.written import write_json, write_metrics, write_model, write_run
from tests.page.conftest import launched_browser
from tests.servers import ROOT, LiveServer
from tests.trainer.trainings import TINY, write_images
from tests.waiting import wait_until

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips, and in CI fails.

OpenPage = Callable[..., Any]
AXE = (Path(__file__).parent / "vendor" / "axe-core-4.14.1.min.js").read_text(encoding="utf-8")
FAILED, COMPLETED = "2026-01-01_00-00-00", "2026-01-02_00-00-00"
MAX_BYTES = 150_000
MAX_FIRST_PAINT_S = 0.5

VIEWS = {
    "/": "#report-facts div",
    f"/runs/{FAILED}": "#last-lines",
    "/runs/unknown": "#about:has-text('No run')",
    "/runs": "#runs-body td a",
    "/models": ".model",
    "/start": "#preview-classes li",
}
"""Each address with what is there once all of it is shown."""


@pytest.fixture(autouse=True)
def nothing_left_behind() -> None:
    """No check after each test, because browser and server are shared and no test starts a run."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def server(module_server: LiveServer) -> LiveServer:
    """With something to show in every view."""
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
    return module_server


def report() -> dict[str, Any]:
    """A report as trainer.report writes it, of two classes."""
    each = {"precision": 0.9, "recall": 0.8, "f1": 0.85, "auroc": None, "support": 10, "predicted": 9}
    mistake = {"file": "test/cat/1.png", "true": "cat", "predicted": "dog", "probability": 0.97, "image": "mistake.png"}
    return {
        "run_id": COMPLETED, "num_images": 20, "num_right": 18, "balanced_accuracy": 0.9, "macro_f1": 0.9,
        "accuracy": {"value": 0.9, "low": 0.699, "high": 0.972, "interval": 0.95, "method": "Wilson"},
        "auroc": {"value": 0.95, "num_images": 20}, "calibration": {"ece": 0.05, "num_bins": 10, "bins": []},
        "classes": [{"name": "cat", **each}, {"name": "dog", **each, "f1": 0.7}],
        "confusion_matrix": {"class_names": ["cat", "dog"], "counts": [[9, 1], [1, 9]]},
        "confusions": [{"true": "cat", "predicted": "dog", "count": 1}], "mistakes": [mistake], "plots": {},
        "loss": 0.3, "created_at": "2026-01-02T00:00:00+00:00", "model_name": "digits", "dataset_name": "pets",
        "config_name": "tiny.yaml", "checkpoint": "epoch_003.ckpt",
    }  # fmt: skip


def open_view(open_page: OpenPage, server: LiveServer, path: str, **options: Any) -> Any:
    page = open_page(server.url + path, **options)
    expect(page.locator(VIEWS[path]).first).to_be_visible()
    return page


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_to_object_to(server: LiveServer, open_page: OpenPage, theme: str) -> None:
    found = {}
    for path in VIEWS:
        page = open_view(open_page, server, path, color_scheme=theme)
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        page.evaluate(AXE)
        answer = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        found[path] = [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in answer["violations"]]
        page.close()
    assert not any(found.values()), found


def test_axe_has_nothing_against_the_dialogs(server: LiveServer, open_page: OpenPage) -> None:
    page = open_view(open_page, server, "/")
    page.click("#delete")
    page.evaluate(AXE)
    assert page.evaluate("axe.run('dialog[open]').then((answer) => answer.violations.map(({ id }) => id))") == []


def test_the_report_is_shown(server: LiveServer, open_page: OpenPage) -> None:
    page = open_view(open_page, server, "/")
    expect(page.locator("#report-facts")).to_contain_text("90.00\u202f% 69.90\u202f% \u2013 97.20\u202f%")
    assert page.locator("#matrix tbody tr").all_inner_texts() == ["cat\t9\t1", "dog\t1\t9"]
    assert page.locator("#classes tbody th").all_inner_texts() == ["dog", "cat"]  # The weakest first.
    mistake = page.locator("#mistakes li")
    expect(mistake).to_contain_text("dog 97.00\u202f%")
    expect(mistake).to_contain_text("is cat")
    mistake.scroll_into_view_if_needed()
    wait_until(lambda: mistake.locator("img").evaluate("image => image.naturalWidth") == 8, 5)
    page.click(".places a[href='/runs']")
    page.click(f"a[title='{FAILED}']")
    expect(page.locator("#state")).to_have_text("failed")
    expect(page.locator("#report")).to_be_hidden()


def test_all_of_it_is_small(server: LiveServer, open_page: OpenPage) -> None:
    page = open_view(open_page, server, "/")
    for link in ("/runs", "/models", "/start"):
        page.click(f".places a[href='{link}']")
    names = page.evaluate("performance.getEntriesByType('resource').map((entry) => new URL(entry.name).pathname)")
    files = {
        re.sub("/assets/[0-9a-f]+/", "/static/", name) for name in names if name.startswith(("/static/", "/assets/"))
    }
    assert len(files) > 20
    sizes = {name: len(gzip.compress((ROOT / name[1:]).read_bytes())) for name in files}
    sizes["/"] = len(gzip.compress(server.get("/").content))
    print(sum(sizes.values()), sizes)
    assert sum(sizes.values()) < MAX_BYTES


def test_it_is_there_at_once_and_stays_where_it_is(server: LiveServer, open_page: OpenPage) -> None:
    page = open_view(open_page, server, "/")
    watch = """
        window.shifts = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((entry) => (window.shifts += entry.value)))
            .observe({ type: "layout-shift", buffered: true });
        window.shownAt = null;
        const look = () => {
            const isShown = document.getElementById("fact-best")?.textContent.includes("epoch");
            if (isShown) window.shownAt = performance.now() / 1000;
            else requestAnimationFrame(look);
        };
        look();
    """
    page.add_init_script(watch)
    took = []
    for _ in range(8):  # The best of some loads, because this machine has other things to do.
        page.reload()
        expect(page.locator("#report-facts div").first).to_be_visible()
        took.append(page.evaluate("window.shownAt"))
        if took[-1] < MAX_FIRST_PAINT_S:
            break
    print(took)
    assert min(took) < MAX_FIRST_PAINT_S
    assert page.evaluate("window.shifts") < 0.01


def test_it_can_be_used_by_keyboard_alone(server: LiveServer, open_page: OpenPage) -> None:
    page = open_view(open_page, server, "/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.locator(".places a[href='/runs']")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    expect(page.locator("#runs-body td a").first).to_be_visible()
    page.locator("#runs-body td a").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#state")).to_have_text("completed")
    page.locator("#delete").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#delete-dialog button").first).to_be_focused()  # The harmless answer.
    page.keyboard.press("Escape")
    expect(page.locator("#delete")).to_be_focused()


def test_nothing_moves_for_who_does_not_want_it(server: LiveServer, open_page: OpenPage) -> None:
    for motion, is_moving in (("no-preference", True), ("reduce", False)):
        page = open_view(open_page, server, "/", reduced_motion=motion)
        page.evaluate("document.getElementById('bar').removeAttribute('value')")
        assert page.evaluate("document.getAnimations().length > 0") is is_moving


def test_no_view_is_wider_than_its_window(server: LiveServer, open_page: OpenPage) -> None:
    for path in VIEWS:
        page = open_view(open_page, server, path)
        widest = "document.documentElement.scrollWidth"
        for width in (320, 768, 1280, 3840):
            page.set_viewport_size({"width": width, "height": 800})
            wait_until(partial(page.evaluate, f"{widest} <= {width}"), 5, partial(page.evaluate, widest))
        page.close()


def test_the_load_is_remembered_by_the_service(server: LiveServer, open_page: OpenPage) -> None:
    wait_until(lambda: len(server.get("/training/system").json()["cpu_percent"]) > 2, 10)
    page = open_view(open_page, server, "/")
    expect(page.locator("#loads")).to_contain_text("CPU")
    line = page.locator(".spark-line").first
    wait_until(lambda: len(re.findall("[ML]", line.get_attribute("d"))) > 2, 10, lambda: line.get_attribute("d"))
