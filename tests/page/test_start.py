"""The form that starts a run, in a real browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.app.written import write_run
from tests.page.conftest import REFUSED_REQUEST, Console
from tests.page.form import field, problem, request_of, write_experiment_and_dataset, write_resumable
from tests.servers import LiveServer
from tests.trainer.trainings import write_images

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips the test, or fails it in CI.

OpenPage = Callable[..., Any]


@pytest.fixture
def server(eventlet_server: LiveServer) -> LiveServer:
    """A server with an experiment, and a dataset with one image in both train and test."""
    write_experiment_and_dataset(eventlet_server)
    return eventlet_server


def test_the_chosen_dataset_has_a_preview(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(server.url + "/start")
    expect(page.locator("#preview-counts")).to_have_text(re.compile("2 classes.*24 train.*6 val.*7 test"))
    expect(page.locator("#preview-classes li")).to_have_count(2)
    expect(page.locator("#preview-classes li").nth(1)).to_contain_text("dog 12")
    images = page.locator("#preview-classes img")
    expect(images).to_have_count(12)
    images.last.scroll_into_view_if_needed()
    assert images.last.evaluate("image => image.decode().then(() => image.naturalWidth)") == 8
    expect(page.locator("#preview-findings")).to_contain_text("leaked.png", use_inner_text=False)
    page.select_option("#dataset", label="Other folders…")
    expect(page.locator("#preview")).to_be_hidden()
    page.fill("#train_data_dir", "/data/train")
    assert request_of(page)["train_data_dir"] == "/data/train"
    assert "dataset" not in request_of(page)


def test_the_preview_shows_what_a_dataset_lacks_and_what_is_ignored(
    server: LiveServer, open_page: OpenPage, console: Console
) -> None:
    console.expected.append(REFUSED_REQUEST)
    for split in ("val", "test"):
        shutil.rmtree(server.data_dir / "pets" / split)
    for number in range(3):
        (server.data_dir / "pets" / "train" / "cat" / f"{number}.cr2").write_bytes(b"")
    write_images(server.data_dir / "archive", {"cat": 60, "dog": 180})
    (server.data_dir / "archive" / "train").rename(server.data_dir / "flat")
    page = open_page(server.url + "/start")
    expect(page.locator("#dataset")).to_have_value("pets")  # the first dataset that can be used for training
    expect(page.locator("#preview-counts")).to_have_text(re.compile(r"24 train.*split off.*no test.*3 \.cr2"))
    expect(page.locator("#preview-findings")).to_contain_text("val folder")
    expect(page.locator("#preview-findings")).to_contain_text("3 files ending in .cr2")
    page.select_option("#dataset", "flat")
    expect(page.locator("#preview-findings")).to_contain_text("python -m trainer.split")
    expect(page.locator("#preview-counts")).to_have_text("")
    expect(page.locator("#dataset-problem")).to_contain_text("train folder")
    page.select_option("#dataset", label="Other folders…")
    page.fill("#train_data_dir", str(server.data_dir / "pets" / "train"))
    expect(page.locator("#dataset-problem")).to_be_hidden()
    assert (request_of(page)["val_data_dir"], request_of(page)["test_data_dir"]) == (None, None)


def test_the_service_checks_each_value_as_it_is_typed(
    server: LiveServer, open_page: OpenPage, console: Console
) -> None:
    console.expected.append(REFUSED_REQUEST)
    page = open_page(server.url + "/start")
    expect(field(page, "trainer.max_epochs")).to_have_value("3")
    expect(page.locator("#config_name-about")).to_have_text("Small.")
    field(page, "trainer.max_epochs").fill("many")
    expect(problem(page, "trainer.max_epochs")).to_have_text("must be a whole number")
    expect(field(page, "trainer.max_epochs")).to_have_attribute("aria-invalid", "true")
    page.click("#start-button")
    expect(page.locator("#start-problem")).to_have_text("Not started. Correct the marked fields.")
    expect(field(page, "trainer.max_epochs")).to_be_focused()
    field(page, "trainer.max_epochs").fill("7")
    expect(problem(page, "trainer.max_epochs")).to_be_hidden()
    page.fill("#model_name", ".hidden")
    expect(page.locator("#model_name-problem")).to_contain_text("1 to 100 letters")
    page.fill("#model_name", "fine")
    page.click("summary:has-text('model')")
    field(page, "model.config").fill('{"depths": [2, 2]}')
    assert request_of(page) == {
        "config_name": "tiny.yaml",
        "dataset": "pets",
        "model_name": "fine",
        "overrides": {"model.config": {"depths": [2, 2]}, "trainer.max_epochs": 7},
    }
    page.get_by_role("button", name="Reset trainer.max_epochs").click()
    expect(field(page, "trainer.max_epochs")).to_have_value("3")
    assert list(request_of(page)["overrides"]) == ["model.config"]
    assert server.get("/training/metrics/runs").json() == []


def test_an_earlier_request_can_be_edited(server: LiveServer, open_page: OpenPage) -> None:
    request = {"config_name": "tiny.yaml", "dataset": "pets", "model_name": "mine", "overrides": {"seed": 5}}
    run = write_run(server.runs_dir, "2026-01-01_00-00-00", "failed", request=request)
    page = open_page(f"{server.url}/runs/{run.name}")
    page.click("#change")
    expect(field(page, "seed")).to_have_value("5")
    assert request_of(page) == request
    page.goto(server.url + "/start")  # Without the run in the address, the form has no overrides.
    expect(field(page, "seed")).to_have_value("0")
    assert request_of(page) == request | {"overrides": {}}


def test_a_run_can_be_resumed(server: LiveServer, open_page: OpenPage, console: Console) -> None:
    console.expected.append(REFUSED_REQUEST)
    run = write_resumable(server, overrides={"seed": 5})
    write_run(server.runs_dir, "2026-01-02_00-00-00", "failed")  # This run has no checkpoint.
    page = open_page(f"{server.url}/runs/{run.name}")
    page.click("#resume")
    expect(page.locator("#resume_from")).to_have_value(run.name)
    expect(page.locator("#resume_from option")).to_have_count(2)
    expect(page.locator("#resume_from-hint")).to_contain_text("tiny on pets")
    expect(page.locator("#config_name")).to_be_hidden()  # The earlier run determines the experiment.
    expect(page.locator("#dataset")).to_be_hidden()
    expect(field(page, "seed")).to_have_value("5")
    field(page, "optimizer.learning_rate").fill("0.0001")
    assert request_of(page) == {
        "resume_from": run.name,
        "model_name": "mine",
        "overrides": {"optimizer.learning_rate": 0.0001},
    }
    field(page, "optimizer.learning_rate").fill("-1")
    expect(problem(page, "optimizer.learning_rate")).to_be_visible()
    page.select_option("#resume_from", "")
    expect(page.locator("#config_name")).to_be_visible()
    expect(problem(page, "optimizer.learning_rate")).to_be_hidden()
    assert request_of(page) == {"config_name": "tiny.yaml", "dataset": "pets", "model_name": "mine", "overrides": {}}


def test_a_first_start_proposes_an_experiment_with_a_dataset(server: LiveServer, open_page: OpenPage) -> None:
    server.write_command("a_command", "exit_with.py", "0")
    server.write_command("b_command", "exit_with.py", "{val_data_dir}")
    page = open_page(server.url + "/start")
    expect(field(page, "trainer.max_epochs")).to_have_value("3")
    expect(page.locator("#config_name")).to_have_value("tiny.yaml")
    page.select_option("#config_name", "a_command.yaml")
    expect(page.locator("#dataset")).to_be_hidden()  # This experiment uses no dataset.
    expect(page.locator("#preview")).to_be_hidden()
    assert "dataset" not in request_of(page)
    page.select_option("#config_name", "b_command.yaml")
    expect(page.locator("#dataset")).to_be_visible()
    assert request_of(page)["dataset"] == "pets"


ARE_ANSWERED = """(paths) => {
    const answered = performance.getEntriesByType("resource").map(({ name }) => new URL(name).pathname);
    return paths.every((path) => answered.includes(path));
}"""


def test_a_view_requests_its_lists_once(eventlet_server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(f"{eventlet_server.url}/ping")
    requested: list[str] = []

    def record(request: Any) -> None:
        requested.append(urlsplit(request.url).path)

    page.on("request", record)
    for view, lists in {"start": ["configs", "datasets"], "runs": ["metrics/runs"], "models": ["models"]}.items():
        requested.clear()
        page.goto(f"{eventlet_server.url}/{view}")
        expect(page.locator("#connection")).to_have_text("Live")  # No view takes it for a reconnection.
        page.wait_for_function(ARE_ANSWERED, arg=[f"/training/{each}" for each in lists])
        page.wait_for_load_state("networkidle")
        assert [requested.count(f"/training/{each}") for each in lists] == [1] * len(lists), requested
    page.remove_listener("request", record)
