"""What other people and programs rely on is written down: settings, routes and events in README.md, and so on."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from app import create_app
from app.live.namespace import NAMESPACE, TrainingNamespace
from app.runs.follow.events import EVENTS
from app.runs.store.states import STATES
from app.settings import PREFIX, Settings
from tests.servers import ROOT
from trainer.experiment import experiment
from trainer.experiment.command import PLACEHOLDERS

README = (ROOT / "README.md").read_text(encoding="utf-8")
VARIABLES = [PREFIX + setting.name.upper() for setting in fields(Settings)]
APP = create_app(Settings(), "threading")
NO_NEED_TO_TELL = {"/static/{filename}", "/favicon.ico"}


def routes() -> list[tuple[str, str]]:
    """Every method and path, written as in README.md."""
    return sorted(
        (method, path)
        for rule in APP.url_map.iter_rules()
        for path in [re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)]
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if path not in NO_NEED_TO_TELL
    )


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_setting_is_in_the_table_with_its_default(variable: str) -> None:
    row = next((line for line in README.splitlines() if line.startswith("|") and f"`{variable}`" in line), None)
    assert row is not None, f"README.md has no row for {variable}"
    setting = next(setting for setting in fields(Settings) if PREFIX + setting.name.upper() == variable)
    default = setting.metadata["default"]
    assert (default if default not in (None, "0") else "unset") in row.split("|")[2]


def test_no_setting_is_told_that_does_not_exist() -> None:
    told = set(re.findall(rf"\b{PREFIX}[A-Z_]+\b", README))
    assert told <= set(VARIABLES)


@pytest.mark.parametrize(("method", "path"), routes())
def test_every_route_is_told(method: str, path: str) -> None:
    if path.startswith("/training") or path == "/ping":
        assert f"`{method} {path}`" in README
    else:
        assert path == "/" or f"{path}>" in README or f"`{path}`" in README


def test_no_route_is_told_that_does_not_exist() -> None:
    told = {(method, path) for method, path in re.findall(r"`(GET|POST|DELETE|PUT|PATCH) (/[^`?]*)`", README)}
    assert told <= set(routes())
    assert len(told) > 15


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_is_told(event: type) -> None:
    assert f"| `{event.name}` |" in README  # type: ignore[attr-defined]


def test_every_event_of_the_client_is_told() -> None:
    heard = {name.removeprefix("on_") for name in vars(TrainingNamespace) if name.startswith("on_")}
    for name in heard - {"connect", "disconnect"}:
        assert f"`{name}`" in README
    assert f"namespace `{NAMESPACE}`" in README


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_told(state: str) -> None:
    assert f"`{state}`" in README


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_every_placeholder_of_a_command_is_told(placeholder: str) -> None:
    assert f"`{{{placeholder}}}`" in README
    assert f"{{{placeholder}}}" in (ROOT / "configs/experiment/command_example.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", sorted(path.name for path in (ROOT / "configs/experiment").glob("*.y*ml")))
def test_every_experiment_that_comes_along_is_valid(file: str) -> None:
    loaded = experiment.load(ROOT / "configs/experiment" / file)
    assert loaded.description
    assert experiment.parse(experiment.dump(loaded)) == loaded


def test_every_link_in_the_readme_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_nothing_is_loaded_from_elsewhere() -> None:
    """The page and the documentation work without the internet."""
    files = [*(ROOT / "templates").glob("*.html"), *(ROOT / "static").rglob("*.js"), *(ROOT / "static").rglob("*.css")]
    assert files
    for file in files:
        if "vendor" not in file.parts:
            text = file.read_text(encoding="utf-8")
            assert not re.search(
                r"""(?:src|href|from|import|url)\s*[=(]?\s*["']?(?:https?:)?//(?!www\.w3\.org)""", text
            ), file
