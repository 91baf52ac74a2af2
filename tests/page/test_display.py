"""How the page displays runs, in a real browser."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from typing import Any

from tests.app.written import METRICS, write_metrics, write_model, write_report, write_run
from tests.page.conftest import REFUSED_REQUEST, Console
from tests.page.training import SteeredTraining
from tests.servers import LiveServer
from tests.waiting import wait_until

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips the test, or fails it in CI.

OpenPage = Callable[..., Any]
RUN = "2026-01-01_00-00-00"
LONG = "a_name_of_eighty_characters_" + 52 * "x"
PHONE = {"width": 360, "height": 800}


def return_to(page: Any) -> None:
    """Simulate a person who returns to the tab."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_the_last_line_of_an_error_is_in_view(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    log = b"".join(b"line %d, which is long enough to be broken on a phone\n" % i for i in range(40)) + b"the error\n"
    write_run(eventlet_server.runs_dir, RUN, "failed", reason="ValueError: the error", log=log)
    page = open_page(f"{eventlet_server.url}/runs/{RUN}", viewport=PHONE)
    box = page.locator("#last-lines")
    expect(box).to_contain_text("the error")
    below = box.evaluate("box => [box.scrollTop, box.scrollHeight - box.clientHeight - box.scrollTop]")
    assert below[0] > 0
    assert below[1] < 1


def test_each_view_has_a_title_of_its_own(eventlet_server: LiveServer, open_page: OpenPage, console: Console) -> None:
    console.expected.append(REFUSED_REQUEST)
    write_run(eventlet_server.runs_dir, RUN)
    page = open_page(eventlet_server.url)
    titles = {}
    for path in ("", "runs", f"runs/{RUN}", "runs/unknown", "models", "start", f"?runs={RUN}"):
        page.goto(f"{eventlet_server.url}/{path}")
        expect(page.locator("#connection")).to_have_text("Live")
        wait_until(lambda: "\u00b7" in page.title(), 5, page.title)
        titles[path] = page.title()
    assert titles.pop("") == titles[f"runs/{RUN}"] == f"completed \u00b7 digits \u00b7 {RUN} \u00b7 Training"
    assert len(set(titles.values())) == len(titles)


def test_back_restores_the_scroll_position(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    for number in range(60):
        write_run(eventlet_server.runs_dir, f"2026-01-01_00-00-{number:02}")
    page = open_page(eventlet_server.url + "/runs")
    expect(page.locator("#runs-body tr")).to_have_count(50)
    page.evaluate("scrollTo(0, 700)")
    wait_until(lambda: page.evaluate("history.state?.scrollY") == 700, 5)
    page.locator("#runs-body a", has_text="digits").nth(25).click()
    expect(page.locator("#state")).to_have_text("completed")
    assert page.evaluate("scrollY") == 0
    page.go_back()
    wait_until(lambda: page.evaluate("scrollY") == 700, 5, lambda: page.evaluate("scrollY"))


def test_the_page_of_a_run_shows_its_own_usage_and_not_the_machines(
    eventlet_server: LiveServer, open_page: OpenPage
) -> None:
    run = write_run(eventlet_server.runs_dir, RUN, metrics=METRICS)
    (run / "usage.csv").write_text("time,cpu_percent,memory_mb\n0,100,8000\n7200,300,6000\n")
    page = open_page(f"{eventlet_server.url}/runs/{RUN}")
    expect(page.locator("#epochs tbody tr")).to_have_count(2)
    expect(page.locator("#system")).to_be_hidden()
    expect(page.locator("#run-usage")).to_contain_text("over 2 h")
    expect(page.locator("#run-usage")).to_contain_text("mean 200%")
    expect(page.locator("#run-usage")).to_contain_text("peak 8.00\u202fGB")
    (run / "usage.csv").unlink()
    page.reload()
    expect(page.locator("#no-run-usage")).to_contain_text("No usage")
    page.click(".navigation a[href='./']")
    expect(page.locator("#system")).to_be_visible()


def test_the_list_of_files_is_refreshed(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    training = SteeredTraining(eventlet_server)
    run_id = eventlet_server.start_run(training.config_name)
    page = open_page(eventlet_server.url)
    expect(page.locator("#files-body")).to_contain_text("run.json")
    training.order(file="later.bin", text="x" * 2500)
    path = eventlet_server.runs_dir / run_id / "output" / "later.bin"
    wait_until(lambda: path.exists() and path.stat().st_size == 2500, 5)
    return_to(page)
    expect(page.locator("#files-body tr", has_text="later.bin")).to_contain_text("2.50\u202fkB")


def test_an_untested_model_is_marked(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    write_model(write_run(eventlet_server.runs_dir, RUN, "stopped"), test_metrics={})
    page = open_page(f"{eventlet_server.url}/runs/{RUN}")
    expect(page.locator("#download")).to_have_text("Download untested model")
    expect(page.locator("#download")).not_to_have_class(re.compile("primary"))
    page.click(".navigation a[href='models']")
    expect(page.locator(".model .untested")).to_be_visible()


def test_long_names_fit_a_phone(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    request = {"dataset": LONG, "config_name": f"{LONG}.yaml", "model_name": LONG}
    run = write_run(eventlet_server.runs_dir, RUN, "failed", request=request, reason=LONG, log=LONG.encode())
    write_metrics(run, f"epoch,step,val/{LONG}\n0,1,2\n1,2,3\n")
    (run / f"{LONG}.txt").touch()
    write_model(run, model_name=LONG, dataset_name=LONG, config_name=f"{LONG}.yaml", class_names=[LONG])
    eventlet_server.write_command(LONG, "exit_with.py", "0")
    page = open_page(eventlet_server.url, viewport=PHONE)
    for path, there in {
        f"runs/{RUN}": f"#files-body :text('{LONG}.txt')",
        "runs": f"#runs-body :text('{LONG}')",
        "models": ".model",
        "start": f"#config_name option[value='{LONG}.yaml']",
        f"?runs={RUN}": ".compare-table",
    }.items():
        page.goto(f"{eventlet_server.url}/{path}")
        page.locator(there).first.wait_for(state="attached")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], (path, width)


def test_the_best_value_is_the_same_everywhere(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    rows = "".join(f"{i // 3},{i},{value},1\n" for i, value in enumerate([50, 41, 44, 45, 37, 39, 40, 42, 38]))
    write_run(eventlet_server.runs_dir, RUN, metrics="epoch,step,val/perplexity,grad_norm\n" + rows)
    page = open_page(f"{eventlet_server.url}/runs/{RUN}")
    expect(page.locator("#best-name")).to_have_text("Best val/perplexity")
    expect(page.locator("#fact-best")).to_have_text("37.00 epoch 1")
    expect(page.locator(".legend li").filter(has_text="best")).to_have_text(re.compile("best 37.00 at step 4"))
    expect(page.locator("#epochs tbody tr")).to_have_text(["238.001.0000", "139.001.0000", "044.001.0000"])
    expect(page.locator("#epochs .is-best")).to_have_count(0)  # No epoch ended with that value.
    page.click(".navigation a[href='runs']")
    expect(page.locator("#runs-head")).not_to_contain_text("grad_norm")
    expect(page.locator("#runs-body tr")).to_contain_text("37.00")
    page.goto(f"{eventlet_server.url}/?runs={RUN}")
    expect(page.locator(".compare-table tbody", has_text="Best value")).to_contain_text("val/perplexity37.00")


def test_epochs_keep_the_programs_own_numbers(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    rows = "10,0.5,0.9,nan\n20,1.0,0.8,0.2\n30,1.5,0.7,0.4\n"
    write_run(eventlet_server.runs_dir, RUN, metrics="step,epoch,loss,eval_accuracy\n" + rows)
    page = open_page(f"{eventlet_server.url}/runs/{RUN}")
    expect(page.locator("#epochs tbody th")).to_have_text(["1.5", "1", "0.5"])
    expect(page.locator("#epochs tbody tr").last).to_have_text("0.50.9000NaN")
    expect(page.locator("#fact-best")).to_have_text("0.4000 epoch 1.5")
    page.get_by_role("radio", name="Epoch").check()
    expect(page.locator(".legend li").last).to_contain_text("best 0.4000 at epoch 1.5, NaN once, at epoch 0.5")


def test_only_charts_in_view_are_drawn(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    names = ["val/loss", *(f"layers/{i}/norm" for i in range(300))]
    rows = "".join(f"{i},{i}," + ",".join(str(i + j) for j in range(301)) + "\n" for i in range(3))
    write_run(eventlet_server.runs_dir, RUN, metrics=f"epoch,step,{','.join(names)}\n{rows}")
    page = open_page(f"{eventlet_server.url}/runs/{RUN}")
    charts, drawn = page.locator(".chart"), page.locator(".chart canvas")
    expect(charts).to_have_count(24)
    expect(charts.locator("h3").first).to_have_text("loss")
    wait_until(lambda: 0 < drawn.count() < 15, 5, drawn.count)
    expect(page.locator("#epochs-note")).to_contain_text("289 other metrics")
    page.fill(".chart-filter", "/77/")
    expect(charts.locator("h3")).to_have_text(["layers/77/norm"])
    expect(drawn).to_have_count(1)
    page.fill(".chart-filter", "nothing of the kind")
    expect(page.get_by_text("No matching charts.")).to_be_visible()
    page.fill(".chart-filter", "")
    page.get_by_role("button", name="Show all 301 charts").click()
    expect(charts).to_have_count(301)
    charts.last.scroll_into_view_if_needed()
    expect(charts.last.locator("canvas")).to_have_count(1)
    wait_until(lambda: drawn.count() < 25, 5, drawn.count)  # Charts out of view are removed.


def test_a_value_from_another_step_shows_its_step(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    rows = "".join(f"{i},{1 / (i + 1)},\n" for i in range(250)) + "400,,0.9875\n"
    write_run(eventlet_server.runs_dir, RUN, metrics="step,train/acc,test/acc\n" + rows)
    page = open_page(f"{eventlet_server.url}/runs/{RUN}")
    over = page.locator(".u-over").first
    over.scroll_into_view_if_needed()
    width = over.bounding_box()["width"]
    over.hover(position={"x": width * 249 / 400, "y": 50})
    test = page.locator(".legend-entry").last
    expect(test).to_have_text("test0.9875 (step 400)")
    page.mouse.move(0, 0)
    expect(test).to_have_text("test0.9875")


def test_a_silent_run_is_marked(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    training = SteeredTraining(eventlet_server)
    training.epoch(0)
    run_id = eventlet_server.start_run(training.config_name)
    page = open_page(eventlet_server.url)
    expect(page.locator("#log")).to_contain_text("epoch 1 is done")
    expect(page.locator("#silence")).to_be_hidden()
    run_dir = eventlet_server.runs_dir / run_id
    before = time.time() - 12.5 * 60
    for file in run_dir.rglob("*.*"):
        os.utime(file, (before, before))
    page.reload()
    expect(page.locator("#silence")).to_contain_text("No output for 12 min.")
    expect(page.locator("#state")).to_have_text("running")


def test_other_tabs_notice_a_deletion(eventlet_server: LiveServer, open_page: OpenPage, console: Console) -> None:
    console.expected.append(REFUSED_REQUEST)
    older, newer = "2026-01-01_00-00-00", "2026-01-02_00-00-00"
    for run_id in (older, newer):
        write_run(eventlet_server.runs_dir, run_id)
    latest = open_page(eventlet_server.url)
    own = open_page(f"{eventlet_server.url}/runs/{newer}")
    listed = open_page(f"{eventlet_server.url}/runs")
    for page in (latest, own):
        expect(page.locator("#about")).to_contain_text(newer)
    expect(listed.locator("#runs-body tr")).to_have_count(2)
    eventlet_server.delete(f"/training/models/{newer}")
    for page in (latest, own, listed):
        return_to(page)
    expect(latest.locator("#about")).to_contain_text(older)
    expect(own.locator("#now-title")).to_have_text("No such run")
    expect(listed.locator("#runs-body tr")).to_have_count(1)


def test_a_run_with_an_unreadable_report_is_shown(
    open_page: OpenPage, eventlet_server: LiveServer, console: Console
) -> None:
    run = write_run(eventlet_server.runs_dir, "2026-01-01_00-00-00")
    write_report(run, classes="cat, dog")
    console.expected.append(REFUSED_REQUEST)
    page = open_page(f"{eventlet_server.url}/runs/{run.name}")
    expect(page.locator("#notice")).to_contain_text("report.json")
    expect(page.locator("#state")).to_have_text("completed")
    expect(page.locator("#report")).to_be_hidden()
