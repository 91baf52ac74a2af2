"""The list of runs, the page of a run, and the list of models, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.app.written import METRICS, write_json, write_metrics, write_model, write_run
from tests.page.conftest import REFUSED_REQUEST, Console
from tests.servers import LiveServer

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips the test, or fails it in CI.

OpenPage = Callable[..., Any]


def rows_of(page: Any) -> Any:
    return page.locator("#runs-body tr")


def test_a_long_list_of_runs_has_pages(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    for number in range(120):
        # The list includes an empty directory, so the test need not write files.
        (eventlet_server.runs_dir / f"2026-01-01_{number // 60:02}-{number % 60:02}-00").mkdir(parents=True)
    write_run(eventlet_server.runs_dir, "2025-01-01_00-00-00", metrics=METRICS, request={"dataset": "digits"})
    page = open_page(eventlet_server.url + "/runs")
    shown_range, next_link = page.locator("#runs-range"), page.get_by_role("link", name="Next")
    expect(page.locator("#runs-count")).to_have_text("121 runs")
    expect(shown_range).to_have_text("1 to 50 of 121")
    expect(rows_of(page)).to_have_count(50)
    expect(page.get_by_role("link", name="Previous")).to_have_count(0)  # The first page has no previous one.
    next_link.focus()
    page.keyboard.press("Enter")
    expect(shown_range).to_have_text("51 to 100 of 121")
    expect(page).to_have_url(re.compile(r"\?page=2$"))
    next_link.click()
    expect(shown_range).to_have_text("101 to 121 of 121")
    expect(rows_of(page).last).to_contain_text("digits")
    page.go_back()
    expect(shown_range).to_have_text("51 to 100 of 121")
    page.goto(eventlet_server.url + "/runs?page=9")
    expect(shown_range).to_have_text("101 to 121 of 121")
    page.fill("#runs-search", "digits")
    expect(page.locator("#runs-count")).to_have_text("1 matching run")
    expect(rows_of(page)).to_have_count(1)
    expect(shown_range).to_be_hidden()


def test_the_list_stays_live_after_a_search_without_a_match(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(eventlet_server.url + "/runs")
    expect(page.locator("#no-runs")).to_have_text("No runs yet.")
    run_id = eventlet_server.start_run(eventlet_server.write_command("quick", "exit_with.py", "0"))
    eventlet_server.wait_for_state(run_id, "completed")
    expect(rows_of(page)).to_have_text([re.compile("completed.*quick")])
    page.fill("#runs-search", "nothing of the kind")
    expect(page.locator("#no-runs")).to_have_text("No matching runs.")
    expect(page.locator("#runs")).to_be_hidden()
    page.fill("#runs-search", "")
    expect(rows_of(page)).to_have_count(1)
    page.select_option("#runs-status", "failed")
    expect(page.locator("#no-runs")).to_be_visible()
    page.select_option("#runs-status", "completed")
    expect(rows_of(page)).to_have_count(1)


def test_the_address_sorts_and_filters_runs(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    for day, (state, best) in enumerate([("failed", 0.5), ("completed", 0.75), ("completed", 0.25)], 1):
        metrics = f"epoch,step,val/acc,train/loss\n0,1,{best},1\n"
        write_run(eventlet_server.runs_dir, f"2026-01-0{day}_00-00-00", state, metrics=metrics)
    page = open_page(eventlet_server.url + "/runs")
    expect(page.locator("#runs-head")).to_contain_text("val/acc")
    expect(page.locator("#runs-head")).not_to_contain_text("train/loss")
    page.get_by_role("button", name="val/acc").click()
    expect(rows_of(page).nth(0)).to_contain_text("0.7500")
    expect(rows_of(page).nth(2)).to_contain_text("0.2500")
    expect(page.locator("th[aria-sort=descending]")).to_have_text("Best\u00a0val/acc")
    page.get_by_role("button", name="val/acc").click()
    expect(rows_of(page).nth(0)).to_contain_text("0.2500")
    page.select_option("#runs-status", "completed")
    expect(rows_of(page)).to_have_count(2)
    assert page.url.endswith("/runs?status=completed&sort=val%2Facc")
    page.reload()
    expect(rows_of(page)).to_have_count(2)
    expect(rows_of(page).nth(0)).to_contain_text("0.2500")
    rows_of(page).nth(1).click(position={"x": 800, "y": 10})  # A click anywhere in the row opens the run.
    expect(page).to_have_url(f"{eventlet_server.url}/runs/2026-01-02_00-00-00")
    page.go_back()
    expect(page.locator("#runs-status")).to_have_value("completed")


def test_runs_are_chosen_for_a_comparison_by_mouse_and_keyboard(
    eventlet_server: LiveServer, open_page: OpenPage
) -> None:
    ids = [f"2026-01-0{day}_00-00-00" for day in (1, 2, 3)]
    for run_id in ids:
        write_run(eventlet_server.runs_dir, run_id, metrics=METRICS)
    page = open_page(eventlet_server.url + "/runs")
    compare = page.locator("#runs-compare")
    expect(rows_of(page)).to_have_count(3)
    expect(compare).to_be_hidden()
    page.get_by_role("checkbox", name=ids[2]).check()
    expect(compare).to_have_text("Compare with…")
    page.get_by_role("checkbox", name=ids[0]).focus()
    page.keyboard.press("Space")
    expect(compare).to_have_text("Compare 2")
    page.fill("#runs-search", ids[1])  # A chosen run stays chosen, even if it is not on the page.
    expect(rows_of(page)).to_have_count(1)
    page.fill("#runs-search", "")
    expect(page.locator("#runs-body :checked")).to_have_count(2)
    page.get_by_role("checkbox", name=ids[1]).check()
    page.get_by_role("checkbox", name=ids[1]).uncheck()
    compare.click()
    expect(page).to_have_url(f"{eventlet_server.url}/?runs={ids[2]},{ids[0]}")
    expect(page.locator(".chip")).to_have_count(2)


def test_a_runs_page_shows_its_experiment_and_files(
    eventlet_server: LiveServer, open_page: OpenPage, tmp_path: Path
) -> None:
    run = write_run(eventlet_server.runs_dir, "2026-01-01_00-00-00", request={"overrides": {"trainer.max_epochs": 3}})
    (run / "config.yaml").write_text("model: {config: {depths: [1, 2]}}\ntrainer: {max_epochs: 3, precision: '32'}\n")
    warning = {
        "kind": "leakage",
        "split": "test",
        "message": "2 images are copies",
        "count": 2,
        "files": ["a.png = b.png"],
    }
    write_json(run / "preflight.json", {"errors": [], "warnings": [warning]})
    write_model(run, b"x" * 1500)
    page = open_page(f"{eventlet_server.url}/runs/{run.name}")
    expect(page.locator("#findings")).to_contain_text("2 images are copies.")
    config = re.sub(r"\s+", " ", page.locator("#config").inner_text())
    assert config == "model config.depths [1,2] trainer max_epochs 3 (overridden) precision 32"
    expect(page.locator("#config .is-changed")).to_have_count(1)
    expect(page.locator("#files-body tr", has_text="epoch_003.onnx")).to_contain_text("1.50\u202fkB")
    with page.expect_download() as started:
        page.click("text=config.yaml")
    assert "max_epochs: 3" in Path(started.value.path()).read_text()

    page.click("#delete")
    expect(page.locator("#delete-about")).to_contain_text("2026-01-01_00-00-00")
    page.keyboard.press("Escape")
    assert run.exists()
    page.click("#delete")
    page.click("#delete-softly")
    expect(page.locator("#no-runs")).to_have_text("No runs yet.")
    assert not run.exists()
    expect(page.locator("#trash-runs tr")).to_contain_text("kB")
    page.click("#toast-undo")
    expect(page.locator("#now-title")).to_have_text("digits")
    expect(page.locator("#toast")).to_be_hidden()
    assert run.exists()
    page.click("#delete")
    page.click("#delete-softly")
    page.click("#trash-runs >> text=Restore")
    expect(page).to_have_url(f"{eventlet_server.url}/runs/{run.name}")
    page.click("#delete")
    page.click("#delete-softly")
    page.click("#trash-empty")
    page.click("#delete-really")
    expect(page.locator("#trash")).to_be_hidden()
    assert not list((eventlet_server.runs_dir.parent / "trash").iterdir())


def test_empty_views_say_so(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(eventlet_server.url + "/models")
    expect(page.locator("#no-models")).to_be_visible()
    page.click(".navigation a[href='runs']")
    expect(page.locator("#no-runs")).to_have_text("No runs yet.")
    page.click(".navigation a[href='./']")
    expect(page.locator("#first-start")).to_be_visible()


def test_a_request_that_failed_is_reported(eventlet_server: LiveServer, open_page: OpenPage, console: Console) -> None:
    console.expected.append(REFUSED_REQUEST)
    page = open_page(eventlet_server.url)
    page.route("**/training/models?*", lambda route: route.fulfill(status=500, json={"message": "It broke."}))
    page.click(".navigation a[href='models']")
    expect(page.locator("#notice")).to_contain_text("It broke.")
    expect(page.locator("#models-loading")).to_be_visible()
    page.click("#notice-close")
    expect(page.locator("#notice")).to_be_hidden()
    page.unroute("**/training/models?*")
    page.reload()
    expect(page.locator("#no-models")).to_be_visible()
    expect(page.locator("#models-loading")).to_be_hidden()


def test_every_final_state_is_shown_with_its_reason(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(eventlet_server.url + "/runs")
    for state in ("completed", "stopped", "failed", "interrupted"):
        run = write_run(eventlet_server.runs_dir, state, state, reason="it had one", log=b"the last line\n")
        write_metrics(run, METRICS)
        page.goto(f"{eventlet_server.url}/runs/{state}")
        expect(page.locator("#state")).to_have_text(state)
        expect(page.locator("#reason")).to_have_text("it had one")
        expect(page.locator("#last-lines")).to_be_visible(visible=state == "failed")
        expect(page.locator("#epochs tbody tr")).to_have_count(2)
        expect(page.locator("#fact-best")).to_have_text("0.6250 epoch 1")


def test_each_run_has_its_own_epochs(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    first = "epoch,step,val/acc\n0,1,0.5\n1,2,0.75\n3,4,0.625\n"
    second = "epoch,step,val/acc\n0,1,0.25\n2,3,0.125\n3,4,0.375\n"
    for run_id, metrics in ("2026-01-01_00-00-00", first), ("2026-01-02_00-00-00", second):
        write_run(eventlet_server.runs_dir, run_id, metrics=metrics)
    page = open_page(eventlet_server.url + "/runs/2026-01-01_00-00-00")
    expect(page.locator("#epochs tbody tr")).to_have_text(["30.6250", "10.7500", "00.5000"])
    expect(page.locator("#epochs .is-best")).to_have_text(["0.7500"])
    page.click(".navigation a[href='runs']")
    page.click("#runs-body a[href='runs/2026-01-02_00-00-00']")
    expect(page.locator("#epochs tbody tr")).to_have_text(["30.3750", "20.1250", "00.2500"])
    expect(page.locator("#epochs .is-best")).to_have_text(["0.3750"])
