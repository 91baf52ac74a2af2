"""What `training prune` does: decide, remove and report.

It works on the folder of runs, so it is the one module of the command line that needs the service's code. Only its
command loads it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.filesize import decimal

from app.domain import executor_of
from app.runs.collect.runmetrics import RunMetrics
from app.runs.exceptions import RunError
from app.runs.retention.prune import Decision, Pruner, Rule
from app.runs.store.store import RunStore
from app.settings import Settings, SettingsError

__all__ = ["Rule", "open_runs", "print_json", "print_table", "prune"]


@dataclass(frozen=True)
class Report:
    """What became of each run, or would become of it. `problems`: why runs could not be removed, by id."""

    decisions: Sequence[Decision]
    problems: Mapping[str, str]
    is_dry_run: bool


def prune(pruner: Pruner, rule: Rule, may_remove: bool) -> Report:
    """Decide about all runs, and remove those that go if that is allowed. Raises ClickException."""
    try:
        decisions = pruner.plan(rule)
    except RunError as error:
        raise click.ClickException(str(error)) from error
    return Report(decisions, _remove(pruner, decisions) if may_remove else {}, not may_remove)


def open_runs(runs_dir: Path | None) -> Pruner:
    """Open the folder of runs (None: that of the settings). Raises ClickException."""
    environment = os.environ | ({} if runs_dir is None else {"TRAINING_RUNS_DIR": str(runs_dir)})
    try:
        settings = Settings.from_environment(environment)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    if not settings.runs_dir.is_dir():
        raise click.ClickException(f"There is no folder of runs at {settings.runs_dir}. Name it with --runs-dir.")
    store = RunStore(settings.runs_dir, executor_of(settings), settings.link_roots)
    return Pruner(store, RunMetrics(settings.runs_dir.parent / "scraped"))


def _remove(pruner: Pruner, decisions: Sequence[Decision]) -> dict[str, str]:
    """Remove what goes, and return the problems by run."""
    problems = {}
    for decision in decisions:
        try:
            if decision.stays is None:
                pruner.remove(decision)
        except RunError as error:
            problems[decision.run.run_id] = str(error)
    return problems


def print_json(report: Report) -> bool:
    """Print the report for programs. Return whether everything was removed that should be."""
    runs = [
        {
            "run_id": each.run.run_id,
            "config_name": each.run.config_name,
            "goes": each.stays is None,
            "stays": each.stays,
            "size_bytes": each.size_bytes,
            "loses": each.loses,
            "files": [path.relative_to(each.run.directory.path).as_posix() for path in each.files],
            "problem": report.problems.get(each.run.run_id),
        }
        for each in report.decisions
    ]
    click.echo(json.dumps({"is_dry_run": report.is_dry_run, "runs": runs}, indent=2))
    return not report.problems


def print_table(report: Report) -> bool:
    """Print the report for people. Return whether everything was removed that should be."""
    for each in report.decisions:
        size, name = _size(each.size_bytes), each.run.config_name or "-"
        click.echo(f"{each.run.run_id:<22} {name:<24} {size:>9}  {_fate(each, report)}")
    gone = [each for each in report.decisions if each.stays is None and each.run.run_id not in report.problems]
    what = "the checkpoints of " if any(each.files for each in gone) else ""
    total = f"{what}{len(gone)} of {len(report.decisions)} runs, {_size(sum(each.size_bytes or 0 for each in gone))}"
    click.echo(f"Would remove {total}. To remove, add --yes." if report.is_dry_run else f"Removed {total}.")
    return not report.problems


def _fate(decision: Decision, report: Report) -> str:
    if decision.stays is not None:
        return f"stays: {decision.stays}"
    if problem := report.problems.get(decision.run.run_id):
        return f"not removed: {problem}"
    loses = f" (lost: {', '.join(decision.loses)})" if decision.loses else ""
    return f"{'goes' if report.is_dry_run else 'removed'}{loses}"


def _size(number: int | None) -> str:
    return "?" if number is None else decimal(number)
