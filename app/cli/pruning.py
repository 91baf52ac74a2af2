"""What `training prune` does: decide, remove and report.

It works on the runs folder, so it needs the service's code. Only its command imports it.
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


@dataclass(frozen=True)
class Report:
    """The decision about each run. `problems` says why runs could not be removed, by id."""

    decisions: Sequence[Decision]
    problems: Mapping[str, str]
    is_dry_run: bool


def prune(pruner: Pruner, rule: Rule, may_remove: bool) -> Report:
    """Decide about all runs. If `may_remove`, remove those that are not kept. Raises ClickException."""
    try:
        decisions = pruner.plan(rule)
    except RunError as error:
        raise click.ClickException(str(error)) from error
    return Report(decisions, _remove(pruner, decisions) if may_remove else {}, not may_remove)


def open_runs(runs_dir: Path | None) -> Pruner:
    """Open the runs folder (None: that of the settings). Raises ClickException."""
    environment = os.environ | ({} if runs_dir is None else {"TRAINING_RUNS_DIR": str(runs_dir)})
    try:
        settings = Settings.from_environment(environment)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    if not settings.runs_dir.is_dir():
        raise click.ClickException(f"There is no runs folder {settings.runs_dir}. Name one with --runs-dir.")
    store = RunStore(settings.runs_dir, executor_of(settings), settings.link_roots)
    return Pruner(store, RunMetrics(settings.runs_dir.parent / "scraped"))


def _remove(pruner: Pruner, decisions: Sequence[Decision]) -> dict[str, str]:
    """Remove the runs that are not kept, and return the problems by run."""
    problems = {}
    for number, decision in enumerate(decisions):
        try:
            if decision.kept_because is None:
                pruner.remove(decision)
        except RunError as error:
            problems[decision.run.run_id] = str(error)
        except KeyboardInterrupt:
            rest = sum(1 for each in decisions[number:] if each.kept_because is None)
            click.echo(f"Up to {rest} of the runs are left. To remove them, repeat the command.", err=True)
            raise
    return problems


def print_json(report: Report) -> bool:
    """Print the report as JSON. Return whether every removal succeeded."""
    runs = [
        {
            "run_id": each.run.run_id,
            "config_name": each.run.config_name,
            "removable": each.kept_because is None,
            "kept_because": each.kept_because,
            "size_bytes": each.size_bytes,
            "lost": each.lost,
            "files": [path.relative_to(each.run.directory.path).as_posix() for path in each.files],
            "problem": report.problems.get(each.run.run_id),
        }
        for each in report.decisions
    ]
    click.echo(json.dumps({"is_dry_run": report.is_dry_run, "runs": runs}, indent=2))
    return not report.problems


def print_table(report: Report) -> bool:
    """Print the report as a table. Return whether every removal succeeded."""
    for each in report.decisions:
        size, name = _size(each.size_bytes), each.run.config_name or "-"
        click.echo(f"{each.run.run_id:<22} {name:<24} {size:>9}  {_fate(each, report)}")
    decided = report.decisions
    removed = [each for each in decided if each.kept_because is None and each.run.run_id not in report.problems]
    what = "the checkpoints of " if any(each.files for each in removed) else ""
    total = f"{what}{len(removed)} of {len(decided)} runs, {_size(sum(each.size_bytes or 0 for each in removed))}"
    click.echo(f"Would remove {total}. To remove, add --yes." if report.is_dry_run else f"Removed {total}.")
    return not report.problems


def _fate(decision: Decision, report: Report) -> str:
    if decision.kept_because is not None:
        return f"kept: {decision.kept_because}"
    if problem := report.problems.get(decision.run.run_id):
        return f"not removed: {problem}"
    lost = f" (lost: {', '.join(decision.lost)})" if decision.lost else ""
    return f"{'removable' if report.is_dry_run else 'removed'}{lost}"


def _size(number: int | None) -> str:
    return "?" if number is None else decimal(number)
