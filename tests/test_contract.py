"""The documentation lists every setting, route, event, state and placeholder that users rely on."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import get_args

import pytest

from app.factory import create_app
from app.live.namespace import TrainingNamespace
from app.live.packets import NAMESPACE
from app.runs.follow.events import Event
from app.runs.store.states import STATES
from app.settings import OF_CLIENTS, PREFIX, Settings
from tests.servers import ROOT
from trainer.experiment import experiment
from trainer.experiment.command import PLACEHOLDERS

DOCS = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")}
VARIABLES = [PREFIX + setting.name.upper() for setting in fields(Settings)]
APP = create_app(Settings(), "threading")
UNDOCUMENTED = {"/static/{filename}", "/favicon.ico"}


def routes() -> list[tuple[str, str]]:
    """Return every method and path in the notation of docs/rest.md."""
    return sorted(
        (method, path)
        for rule in APP.url_map.iter_rules()
        for path in [re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)]
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if path not in UNDOCUMENTED
    )


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_setting_is_in_the_table_with_its_default(variable: str) -> None:
    row = next(
        (line for line in DOCS["settings"].splitlines() if line.startswith("|") and f"`{variable}`" in line), None
    )
    assert row is not None, f"docs/settings.md has no row for {variable}"
    setting = next(setting for setting in fields(Settings) if PREFIX + setting.name.upper() == variable)
    default = setting.metadata["default"]
    assert (default if default not in (None, "", "0") else "unset") in row.split("|")[2]


def test_the_documents_name_no_unknown_setting() -> None:
    named = {name for text in DOCS.values() for name in re.findall(rf"\b{PREFIX}[A-Z_]+\b", text)}
    assert named <= {*VARIABLES, *OF_CLIENTS}


@pytest.mark.parametrize(("method", "path"), routes())
def test_every_route_is_documented(method: str, path: str) -> None:
    if path.startswith("/training") or path in ("/ping", "/metrics"):
        assert f"| `{method} {path}` |" in DOCS["rest"]
    else:
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        assert path == "/" or f"{path}>" in readme or f"`{path}`" in readme


def test_the_documents_name_no_unknown_route() -> None:
    calls = re.compile(r"`(GET|POST|DELETE|PUT|PATCH) (/[^`?]*)`")
    named = {call for text in DOCS.values() for call in calls.findall(text)}
    assert named <= set(routes())


@pytest.mark.parametrize("event", get_args(Event))
def test_every_event_is_documented(event: type) -> None:
    assert f"| `{event.name}` |" in DOCS["live"]  # type: ignore[attr-defined]


def test_every_event_of_the_client_is_documented() -> None:
    client_events = {name.removeprefix("on_") for name in vars(TrainingNamespace) if name.startswith("on_")}
    for name in client_events - {"connect", "disconnect"}:
        assert f"`{name}`" in DOCS["live"]
    assert f"namespace `{NAMESPACE}`" in DOCS["live"]


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_documented(state: str) -> None:
    assert f"`{state}`" in DOCS["rest"]


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_every_placeholder_of_a_command_is_documented(placeholder: str) -> None:
    assert f"| `{{{placeholder}}}` |" in DOCS["commands"]
    assert f"{{{placeholder}}}" in (ROOT / "configs/experiment/command_example.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", sorted(path.name for path in (ROOT / "configs/experiment").glob("*.y*ml")))
def test_every_bundled_experiment_is_valid(file: str) -> None:
    loaded = experiment.load(ROOT / "configs/experiment" / file)
    assert loaded.description
    assert experiment.parse(experiment.dump(loaded)) == loaded


def test_pages_load_nothing_from_other_hosts() -> None:
    """The page and the documentation work without the internet."""
    files = [*(ROOT / "templates").glob("*.html"), *(ROOT / "static").rglob("*.js"), *(ROOT / "static").rglob("*.css")]
    assert files
    for file in files:
        if "vendor" not in file.parts:
            text = file.read_text(encoding="utf-8")
            assert not re.search(
                r"""(?:src|href|from|import|url)\s*[=(]?\s*["']?(?:https?:)?//(?!www\.w3\.org)""", text
            ), file
