"""Title, note and tags of a run on the page, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.app.written import write_run
from tests.page.axe import violations
from tests.page.conftest import REFUSED_REQUEST, Console
from tests.servers import LiveServer

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips the test, or fails it in CI.

OpenPage = Callable[..., Any]
RUN, OTHER = "2026-01-01_00-00-00", "2026-01-02_00-00-00"


def edit(page: Any) -> None:
    page.click("#notes-edit")
    expect(page.get_by_label("Title", exact=True)).to_be_focused()


def test_a_person_writes_about_a_run(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    for run_id in (RUN, OTHER):
        write_run(eventlet_server.runs_dir, run_id)
    page = open_page(f"{eventlet_server.url}/runs/{RUN}")
    edit(page)
    assert violations(page) == []
    page.keyboard.type("Baseline")
    page.locator("#notes-note").fill("One\nTwo")
    page.locator("#notes-tags").press_sequentially("paper,seed 3")
    page.keyboard.press("Enter")  # It adds the tag, and with nothing typed saves.
    page.keyboard.press("Enter")
    expect(page.locator("#notes-edit")).to_be_focused()
    expect(page.locator("#now-title")).to_have_text("Baseline")
    expect(page).to_have_title(f"completed · Baseline · {RUN} · Training")
    assert page.locator("#note").inner_text() == "One\nTwo"
    expect(page.locator("#tags a")).to_have_text(["paper", "seed 3"])
    written = eventlet_server.run(RUN)
    assert [written[name] for name in ("title", "note", "tags")] == ["Baseline", "One\nTwo", ["paper", "seed 3"]]

    edit(page)
    page.get_by_role("button", name="Remove paper").click()
    page.get_by_label("Title", exact=True).fill("Not this")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#now-title")).to_have_text("Baseline")
    page.click("#tags a")
    expect(page.locator("#runs-body tr")).to_have_count(1)
    expect(page.locator("#runs-body")).to_contain_text("Baseline")
    assert page.url.endswith("/runs?tag=paper")
    page.click("#runs-tag")
    expect(page.locator("#runs-body tr")).to_have_count(2)


def test_a_refusal_is_shown_at_its_field_and_loses_nothing(
    eventlet_server: LiveServer, open_page: OpenPage, console: Console
) -> None:
    console.expected.append(REFUSED_REQUEST)
    write_run(eventlet_server.runs_dir, RUN)
    page = open_page(f"{eventlet_server.url}/runs/{RUN}")
    edit(page)
    page.locator("#notes-tags").fill(",".join(map(str, range(21))))
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#notes-tags-problem")).to_contain_text("at most 20")
    expect(page.locator("#notes-tags")).to_be_focused()
    page.get_by_role("link", name="Models").click()
    page.go_back()
    page.get_by_role("button", name="Remove 20").click()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#tags a")).to_have_count(20)


def test_what_another_person_writes_appears(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    write_run(eventlet_server.runs_dir, RUN)
    page = open_page(f"{eventlet_server.url}/runs/{RUN}")
    expect(page.locator("#connection")).to_have_text("Live")
    eventlet_server.patch(f"/training/runs/{RUN}", {"title": "Theirs", "tags": ["a"]})
    expect(page.locator("#now-title")).to_have_text("Theirs")
    expect(page.locator("#tags a")).to_have_text("a")
    page.click(".brand")
    page.click("#notes-edit")  # It leads to the run's own page, where no other run takes its place.
    expect(page.get_by_label("Title", exact=True)).to_have_value("Theirs")
    assert page.url.endswith(f"/runs/{RUN}")


def test_two_people_who_change_the_same_note_see_both_texts(
    eventlet_server: LiveServer, open_page: OpenPage, console: Console
) -> None:
    console.expected.append(REFUSED_REQUEST)
    for run_id in (RUN, OTHER):
        write_run(eventlet_server.runs_dir, run_id)
    page = open_page(f"{eventlet_server.url}/runs/{RUN}")
    edit(page)
    page.locator("#notes-note").fill("mine")
    page.click(".brand")
    edit(page)  # The notes of the latest run.
    expect(page.locator("#notes-note")).to_have_value("")
    page.get_by_role("button", name="Cancel").click()
    page.go_back()
    page.go_back()
    edit(page)
    eventlet_server.patch(f"/training/runs/{RUN}", {"title": "Theirs", "note": "theirs"})
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#notes-note-problem")).to_contain_text("theirs")
    expect(page.locator("#notes-note")).to_have_value("mine")
    expect(page.get_by_label("Title", exact=True)).to_have_value("Theirs")
    assert eventlet_server.run(RUN)["note"] == "theirs"
    with page.expect_event("dialog") as asked:
        page.close(run_before_unload=True)
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    page.get_by_role("button", name="Replace").click()
    expect(page.locator("#note")).to_have_text("mine")
    assert eventlet_server.run(RUN)["title"] == "Theirs"
    assert page.evaluate("dispatchEvent(new Event('beforeunload', { cancelable: true }))")  # Nothing is unsaved.
