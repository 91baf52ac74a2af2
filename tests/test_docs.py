"""What the documents say of the settings and files is what the code does."""

from __future__ import annotations

from pathlib import Path

from app.runs.executors.local.launcher import PROJECT_ROOT
from docs.write_experiment_md import TARGET, page
from trainer.experiment import experiment
from trainer.rundir import RunDir


def test_the_experiment_page_is_current() -> None:
    assert TARGET.read_text(encoding="utf-8") == page(), "run: python -m docs.write_experiment_md"


def test_the_experiment_page_lists_every_setting() -> None:
    text = TARGET.read_text(encoding="utf-8")
    assert [path for path in experiment.list_settings() if f"`{path}`" not in text] == []


def test_the_readme_names_every_file_of_a_run() -> None:
    readme = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    run = RunDir(Path("run"))
    files = [run.run, run.config, run.state, run.stop, run.log, run.progress, run.card, run.result, run.checkpoints]
    files += [run.report, run.report_text, run.report_pictures]
    assert [file.name for file in files if file.name not in readme] == []


def test_every_experiment_of_ours_is_valid() -> None:
    paths = sorted((PROJECT_ROOT / "configs" / "experiment").glob("*.yaml"))
    assert paths
    for path in paths:
        experiment.load(path)
