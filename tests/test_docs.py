"""The documentation matches the code, and its commands work in the order in which a reader meets them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import requests
import yaml

from docs import write_cli_md
from docs.write_experiments_md import TARGET, page
from tests.reader import NOT_RUN, Block, Reader, blocks_of
from tests.servers import ROOT
from trainer.experiment import experiment
from trainer.rundir import RunDir

PAGES = sorted(str(path.relative_to(ROOT)) for pattern in ("*.md", "docs/*.md") for path in ROOT.glob(pattern))
BLOCKS = [block for name in PAGES for block in blocks_of(name)]
RECIPES = sorted((ROOT / "docs" / "recipes").glob("*/experiment.yaml"))
COMMANDS = [block for block in BLOCKS if block.language in ("sh", "python")]
OTHER_LANGUAGES = {"json", "yaml", "ini", "nginx", "text"}


@pytest.fixture(scope="module")
def module_reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    for program in ("bash", "curl", "make", "node"):
        if shutil.which(program) is None:
            pytest.skip(f"the documents use {program}, which is not installed")
    reader = Reader(tmp_path_factory.mktemp("reader") / "training-service")
    try:
        reader.start()
        reader.shorten_trainings()
        yield reader
    finally:
        reader.end()


@pytest.fixture
def reader(module_reader: Reader) -> Iterator[Reader]:
    yield module_reader
    module_reader.stop()


@pytest.mark.slow
def test_the_demo_learns_the_digits(reader: Reader) -> None:
    (card,) = requests.get(f"{reader.url}/training/models", timeout=30).json()["models_info"]
    assert card["config_name"] == "digits_resnet.yaml"
    assert card["test_metrics"]["test/acc"] >= 0.985


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({block.page for block in COMMANDS if block.is_run}))
def test_every_command_works(name: str, reader: Reader) -> None:
    for block in COMMANDS:
        if block.page == name and block.is_run:
            reader.follow(block)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_block_is_in_a_known_language_and_valid(block: Block) -> None:
    if block.language == "json":
        json.loads(block.text)
    elif block.language == "yaml":
        content = yaml.safe_load(block.text)
        if set(content) <= {field.name for field in fields(experiment.Experiment)}:
            experiment.parse(content)
    assert block in COMMANDS or block.language in OTHER_LANGUAGES


def test_every_skipped_command_is_in_the_documents() -> None:
    lines = [line for block in COMMANDS for line in block.text.splitlines()]
    assert [start for start in NOT_RUN if not any(line.startswith(start) for line in lines)] == []


def test_every_test_named_in_a_command_exists() -> None:
    named = {word for block in COMMANDS for word in block.text.split() if word.startswith("tests/")}
    assert len(named) > 2
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_make_target_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= targets


@pytest.mark.parametrize("folder", ["app", "app/runs", "trainer"])
def test_the_architecture_shows_every_package_and_module(folder: str) -> None:
    drawing = next(block.text for block in BLOCKS if block.page == "docs/architecture.md")
    shown = set(re.findall(r"\w+", drawing))
    inside = [path for path in (ROOT / folder).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    assert {path.stem for path in inside if path.stem != "__init__"} - shown == set()


@pytest.mark.parametrize("name", PAGES)
def test_every_project_file_named_in_the_documents_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = re.findall(r"`((?:app|trainer|tests|docs|static|templates|configs|benchmarks)/[\w/.-]*)`", text)
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", PAGES)
def test_no_link_is_broken(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", text):
        linked = (ROOT / name).parent / target if target else ROOT / name
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), f"{target}#{anchor}"


def anchors(path: Path) -> set[str]:
    """Return the anchors that Markdown renderers derive from a page's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_experiments_page_is_up_to_date() -> None:
    assert TARGET.read_text(encoding="utf-8") == page(), "run: python -m docs.write_experiments_md"


def test_the_page_of_the_command_line_is_up_to_date() -> None:
    text = write_cli_md.TARGET.read_text(encoding="utf-8")
    assert text == write_cli_md.page(), "run: python -m docs.write_cli_md"


def test_the_experiments_page_lists_every_parameter() -> None:
    text = TARGET.read_text(encoding="utf-8")
    assert [path for path in experiment.list_parameters() if f"`{path}`" not in text] == []


def test_the_run_directory_page_names_every_file() -> None:
    text = (ROOT / "docs" / "run-directory.md").read_text(encoding="utf-8")
    run = RunDir(Path("run"))
    files = [run.run, run.config, run.state, run.stop, run.log, run.progress, run.card, run.result, run.checkpoints]
    files += [run.report, run.report_text, run.report_pictures]
    assert [file.name for file in files if file.name not in text] == []


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.parent.name)
def test_the_commands_page_shows_every_recipe_as_it_is(recipe: Path) -> None:
    assert recipe.read_text(encoding="utf-8") in [block.text for block in BLOCKS if block.page == "docs/commands.md"]


def test_every_test_named_in_the_table_of_attacks_exists() -> None:
    named = set(re.findall(r"`(tests/[^`]+)`", (ROOT / "SECURITY.md").read_text(encoding="utf-8")))
    assert len(named) > 10
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []
