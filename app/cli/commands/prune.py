"""`training prune`: remove old runs, or only their checkpoints. Works on the runs folder, without the service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

UNITS_S = {"h": 3600, "d": 86400, "w": 7 * 86400}


class Age(click.ParamType):  # type: ignore[type-arg]  # It is generic only for type checkers.
    """An age such as 30d, in seconds."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = re.fullmatch(r"(\d{1,6})([hdw])", str(value))
        if match is None:
            self.fail(f"{value!r} must be a number and a unit: 12h (hours), 30d (days) or 8w (weeks).", param, ctx)
        return float(match[1]) * UNITS_S[match[2]]


@click.command()
@click.option("--older-than", type=Age(), metavar="AGE", help="Keep runs that ended more recently: 12h, 30d, 8w.")
@click.option("--keep-best", type=click.IntRange(min=1), metavar="N", help="Keep the N best runs of each experiment.")
@click.option("--monitor", metavar="METRIC", help="Compare runs by this metric instead of each experiment's own.")
@click.option("--checkpoints-only", is_flag=True, help="Remove only checkpoints. Models, metrics and logs stay.")
@click.option("--yes", is_flag=True, help="Remove the runs. Without it, change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--runs-dir", type=click.Path(file_okay=False, path_type=Path), help="Runs folder, as TRAINING_RUNS_DIR.")
def prune(
    older_than: float | None,
    keep_best: int | None,
    monitor: str | None,
    checkpoints_only: bool,
    yes: bool,
    as_json: bool,
    runs_dir: Path | None,
) -> None:
    """Show which old runs would be removed, and why the others are kept. With --yes, remove them for good.

    A run is removed if it is older than AGE and not among the N best of its experiment. Queued and active runs are
    kept, and so are the runs that they resume from. With --keep-best, a run whose best value is unknown is kept too.
    The service may be running. The exit code is 1 if a run could not be removed.
    """
    if older_than is None and keep_best is None:
        raise click.UsageError("Say what to keep: --older-than, --keep-best, or both.")
    if monitor is not None and keep_best is None:
        raise click.UsageError("--monitor needs --keep-best.")
    # Not at the top: they load much of the service, which other commands do not need.
    from app.cli import pruning
    from app.runs.retention.prune import Rule

    rule = Rule(older_than, keep_best, checkpoints_only, monitor)
    print_report = pruning.print_json if as_json else pruning.print_table
    if not print_report(pruning.prune(pruning.open_runs(runs_dir), rule, yes)):
        raise SystemExit(1)
