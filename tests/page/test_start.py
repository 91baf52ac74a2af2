"""The form that starts a training, in a real browser."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.written import write_checkpoint, write_run
from tests.conftest import end
from tests.page.conftest import LOST_SOCKET, REFUSED_REQUEST, Console
from tests.servers import LiveServer
from tests.trainer.trainings import TINY, write_images
from trainer.experiment import strict_yaml

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips, and in CI fails.

OpenPage = Callable[..., Any]


@pytest.fixture
def server(eventlet_server: LiveServer) -> LiveServer:
    """With an experiment, and a dataset of which one image lies in train and in test."""
    write_what_can_be_started(eventlet_server)
    return eventlet_server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[LiveServer]:
    """The same for a test that kills it."""
    own = LiveServer(tmp_path)
    write_what_can_be_started(own)
    own.start()
    yield own
    end(own)


def write_what_can_be_started(server: LiveServer) -> None:
    (server.configs_dir / "tiny.yaml").write_text("description: Small.\n" + TINY, encoding="utf-8")
    pets = server.data_dir / "pets"
    write_images(pets, {"cat": 60, "dog": 180}, counts=(12, 3, 3))
    (pets / "test" / "cat" / "leaked.png").write_bytes((pets / "train" / "cat" / "0.png").read_bytes())


def field(page: Any, path: str) -> Any:
    return page.locator(f"[id='parameter-{path}']")


def problem(page: Any, path: str) -> Any:
    return page.locator(f"[id='parameter-{path}-problem']")


def asked(page: Any) -> Any:
    """The body of the command that is shown."""
    words = shlex.split(page.locator("#curl pre").inner_text().replace("\\\n", ""))
    return json.loads(words[-1])


def test_a_dataset_is_looked_at_before_it_is_trained_on(server: LiveServer, open_page: OpenPage) -> None:
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
    assert asked(page)["train_data_dir"] == "/data/train"
    assert "dataset" not in asked(page)


def test_what_a_dataset_lacks_and_what_is_ignored_is_shown(
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
    expect(page.locator("#dataset")).to_have_value("pets")  # the first that can be trained on
    expect(page.locator("#preview-counts")).to_have_text(re.compile(r"24 train.*split off.*no test.*3 \.cr2"))
    expect(page.locator("#preview-findings")).to_contain_text("no val folder")
    expect(page.locator("#preview-findings")).to_contain_text("3 files ending in .cr2")
    page.select_option("#dataset", "flat")
    expect(page.locator("#preview-findings")).to_contain_text("python -m trainer.split")
    expect(page.locator("#preview-counts")).to_have_text("")
    expect(page.locator("#dataset-problem")).to_contain_text("no train folder")
    page.select_option("#dataset", label="Other folders…")
    page.fill("#train_data_dir", str(server.data_dir / "pets" / "train"))
    expect(page.locator("#dataset-problem")).to_be_hidden()
    assert (asked(page)["val_data_dir"], asked(page)["test_data_dir"]) == (None, None)


def test_a_value_is_checked_by_the_service_as_it_is_typed(
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
    assert asked(page) == {
        "config_name": "tiny.yaml",
        "dataset": "pets",
        "model_name": "fine",
        "overrides": {"model.config": {"depths": [2, 2]}, "trainer.max_epochs": 7},
    }
    page.get_by_role("button", name="Reset trainer.max_epochs").click()
    expect(field(page, "trainer.max_epochs")).to_have_value("3")
    assert list(asked(page)["overrides"]) == ["model.config"]
    assert server.get("/training/metrics/runs").json() == []


def test_what_was_typed_survives_a_lost_connection(
    own_server: LiveServer, open_page: OpenPage, console: Console
) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    request = {"config_name": "tiny.yaml", "dataset": "pets", "model_name": "mine", "overrides": {"seed": 5}}
    write_run(own_server.runs_dir, "2026-01-01_00-00-00", "failed", request=request)
    page = open_page(own_server.url + "/start?from=2026-01-01_00-00-00")
    expect(page.locator("#connection")).to_have_text("Live")
    expect(field(page, "seed")).to_have_value("5")
    field(page, "trainer.max_epochs").fill("7")
    expect(page.locator("#curl pre")).to_contain_text("max_epochs")
    reconnect(page, own_server)
    assert asked(page)["overrides"] == {"seed": 5, "trainer.max_epochs": 7}


@pytest.mark.parametrize("is_lost_again", [False, True])
def test_what_is_typed_while_the_form_is_shown_anew_stays(
    own_server: LiveServer, open_page: OpenPage, console: Console, is_lost_again: bool
) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    page = open_page(own_server.url + "/start")
    expect(page.locator("#connection")).to_have_text("Live")
    expect(field(page, "trainer.max_epochs")).to_have_value("3")

    def type_before(route: Any) -> None:
        type_without_waiting(page, "trainer.max_epochs", "7")
        if is_lost_again:
            route.abort()
        else:
            route.continue_()

    page.route("**/training/configs/tiny.yaml", type_before)
    reconnect(page, own_server)
    assert asked(page)["overrides"] == {"trainer.max_epochs": 7}


@pytest.mark.parametrize("asked_for", ["from", "resume"])
def test_what_the_address_asks_for_is_shown_though_the_connection_was_lost_at_once(
    own_server: LiveServer, open_page: OpenPage, console: Console, asked_for: str
) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    run = write_resumable(own_server, overrides={"trainer.max_epochs": 5})
    page = open_page(own_server.url + "/runs")
    expect(page.locator("#connection")).to_have_text("Live")
    page.route("**/training/configs/tiny.yaml", lambda route: route.abort(), times=1)
    page.route("**/training/check", lambda route: route.abort(), times=1)
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/training/check")):
        go_to(page, f"/start?{asked_for}={run.name}")
    reconnect(page, own_server)
    if asked_for == "from":
        expect(field(page, "trainer.max_epochs")).to_have_value("5")
        assert asked(page)["overrides"] == {"trainer.max_epochs": 5}
    else:
        expect(field(page, "seed")).to_have_value("5")
        assert asked(page)["resume_from"] == run.name


def test_another_runs_values_replace_what_was_typed_also_if_they_come_late(
    own_server: LiveServer, open_page: OpenPage, console: Console
) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    run = write_resumable(own_server, overrides={"trainer.max_epochs": 5})
    page = open_page(own_server.url + "/start")
    expect(page.locator("#connection")).to_have_text("Live")
    field(page, "trainer.max_epochs").fill("7")
    page.route("**/training/configs/tiny.yaml", lambda route: route.abort(), times=1)
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/training/configs/tiny.yaml")):
        go_to(page, f"/start?from={run.name}")
    reconnect(page, own_server)
    expect(field(page, "trainer.max_epochs")).to_have_value("5")
    assert asked(page)["overrides"] == {"trainer.max_epochs": 5}


def test_what_is_typed_for_a_run_to_go_on_from_stays(
    own_server: LiveServer, open_page: OpenPage, console: Console
) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    run = write_resumable(own_server)
    page = open_page(f"{own_server.url}/start?resume={run.name}")
    expect(page.locator("#connection")).to_have_text("Live")
    expect(field(page, "seed")).to_have_value("5")

    def type_before(route: Any) -> None:
        page.locator("#model_name").evaluate("field => { field.value = 'other'; }")
        type_without_waiting(page, "trainer.max_epochs", "7")
        route.continue_()

    page.route("**/training/check", type_before, times=1)
    reconnect(page, own_server)
    expect(page.locator("#curl pre")).to_contain_text("max_epochs")
    assert asked(page) == {
        "resume_from": run.name,
        "model_name": "other",
        "overrides": {"trainer.max_epochs": 7},
    }


def test_an_experiment_chosen_while_the_service_is_away_is_shown_once_it_is_back(
    own_server: LiveServer, open_page: OpenPage, console: Console
) -> None:
    console.expected += [REFUSED_REQUEST, LOST_SOCKET]
    (own_server.configs_dir / "other.yaml").write_text(TINY + "seed: 5\n", encoding="utf-8")
    page = open_page(own_server.url + "/start")
    expect(page.locator("#connection")).to_have_text("Live")
    page.select_option("#config_name", "tiny.yaml")
    expect(field(page, "seed")).to_have_value("0")
    own_server.kill()
    expect(page.locator("#connection")).to_have_text("Offline, reconnecting…")
    page.select_option("#config_name", "other.yaml")
    expect(page.locator("#parameters-section")).to_be_hidden()
    own_server.start()
    expect(field(page, "seed")).to_have_value("5")
    expect(page.locator("#parameters-section")).to_be_visible()
    assert asked(page)["overrides"] == {}


@pytest.mark.parametrize(
    ("view", "list_"), [("start", "configs"), ("start", "datasets"), ("runs", "metrics/runs"), ("models", "models")]
)
def test_a_view_asks_for_its_list_once(eventlet_server: LiveServer, browser: Any, view: str, list_: str) -> None:
    page = browser.new_page()
    asked_for: list[str] = []
    page.on("request", lambda request: asked_for.append(request.url.removeprefix(eventlet_server.url).split("?")[0]))
    page.goto(f"{eventlet_server.url}/{view}", wait_until="networkidle")
    page.close()
    assert asked_for.count(f"/training/{list_}") == 1, asked_for


def write_resumable(server: LiveServer, overrides: dict[str, Any] | None = None) -> Path:
    """A stopped run with a checkpoint, whose experiment had another seed."""
    request = {"config_name": "tiny.yaml", "dataset": "pets", "model_name": "mine", "overrides": overrides or {}}
    folders = {f"{split}_data_dir": str(server.data_dir / "pets" / split) for split in ("train", "val", "test")}
    run = write_run(server.runs_dir, "2026-01-01_00-00-00", "stopped", request=request | folders)
    write_checkpoint(run, strict_yaml.parse(TINY) | {"seed": 5}, ("cat", "dog"))
    return run


def go_to(page: Any, path: str) -> None:
    """As a link on the page would."""
    page.evaluate("path => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')); }", path)


def type_without_waiting(page: Any, path: str, text: str) -> None:
    """Unlike `fill` also within the handler of a request."""
    typed = "(field, text) => { field.value = text; field.dispatchEvent(new Event('input', {bubbles: true})); }"
    field(page, path).evaluate(typed, text)


def reconnect(page: Any, server: LiveServer) -> None:
    """Kill the server and start it again; return once the form has asked everything anew."""
    server.kill()
    expect(page.locator("#connection")).to_have_text("Offline, reconnecting…")
    with page.expect_response("**/training/parameters"), page.expect_response("**/training/check"):
        server.start()
    expect(page.locator("#connection")).to_have_text("Live")


def test_what_was_asked_for_before_can_be_changed(server: LiveServer, open_page: OpenPage) -> None:
    request = {"config_name": "tiny.yaml", "dataset": "pets", "model_name": "mine", "overrides": {"seed": 5}}
    run = write_run(server.runs_dir, "2026-01-01_00-00-00", "failed", request=request)
    page = open_page(f"{server.url}/runs/{run.name}")
    page.click("#change")
    expect(field(page, "seed")).to_have_value("5")
    assert asked(page) == request
    page.goto(server.url + "/start")  # Without that run's name its overrides are not taken over.
    expect(field(page, "seed")).to_have_value("0")
    assert asked(page) == request | {"overrides": {}}


def test_a_training_goes_on_from_an_earlier_run(server: LiveServer, open_page: OpenPage, console: Console) -> None:
    console.expected.append(REFUSED_REQUEST)
    run = write_resumable(server, overrides={"seed": 5})
    write_run(server.runs_dir, "2026-01-02_00-00-00", "failed")  # It has no checkpoint.
    page = open_page(f"{server.url}/runs/{run.name}")
    page.click("#resume")
    expect(page.locator("#resume_from")).to_have_value(run.name)
    expect(page.locator("#resume_from option")).to_have_count(2)
    expect(page.locator("#resume_from-hint")).to_contain_text("tiny on pets")
    expect(page.locator("#config_name")).to_be_hidden()  # They are the earlier run's.
    expect(page.locator("#dataset")).to_be_hidden()
    expect(field(page, "seed")).to_have_value("5")
    field(page, "optimizer.learning_rate").fill("0.0001")
    assert asked(page) == {
        "resume_from": run.name,
        "model_name": "mine",
        "overrides": {"optimizer.learning_rate": 0.0001},
    }
    field(page, "optimizer.learning_rate").fill("-1")
    expect(problem(page, "optimizer.learning_rate")).to_be_visible()
    page.select_option("#resume_from", "")
    expect(page.locator("#config_name")).to_be_visible()
    expect(problem(page, "optimizer.learning_rate")).to_be_hidden()
    assert asked(page) == {"config_name": "tiny.yaml", "dataset": "pets", "model_name": "mine", "overrides": {}}


def test_a_first_start_proposes_what_trains_on_a_dataset(server: LiveServer, open_page: OpenPage) -> None:
    server.write_command("a_command", "exit_with.py", "0")
    server.write_command("b_command", "exit_with.py", "{val_data_dir}")
    page = open_page(server.url + "/start")
    expect(field(page, "trainer.max_epochs")).to_have_value("3")
    expect(page.locator("#config_name")).to_have_value("tiny.yaml")
    page.select_option("#config_name", "a_command.yaml")
    expect(page.locator("#dataset")).to_be_hidden()  # It uses none, so none is told.
    expect(page.locator("#preview")).to_be_hidden()
    assert "dataset" not in asked(page)
    page.select_option("#config_name", "b_command.yaml")
    expect(page.locator("#dataset")).to_be_visible()
    assert asked(page)["dataset"] == "pets"
