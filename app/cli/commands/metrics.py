"""`training metrics`."""

from __future__ import annotations

import csv
import io
from typing import Any

import click

from app.cli.client import Client
from app.cli.commands.latest import latest_run
from app.cli.completion import complete_run
from app.cli.connected import connected
from app.cli.output import Output, number

HEADER = ("METRIC", "LAST", "BEST", "BETTER")


@click.command()
@click.argument("run", required=False, shell_complete=complete_run)
@click.option("--rows", is_flag=True, help="Print all rows as CSV instead of the best and last values.")
@click.option("--columns", metavar="NAMES", help="Only these metrics, separated by commas.")
@connected
def metrics(client: Client, output: Output, run: str | None, rows: bool, columns: str | None) -> None:
    """Print the last and the best value of each metric of RUN, or of the run that started last."""
    run_id = run or latest_run(client)
    if rows:
        answer = client.metrics(run_id, columns=columns)
        _note_unread(output, answer)
        output.json(answer) if output.is_json else click.echo(_csv(answer, columns), nl=False)
        return
    summary = client.summary(run_id)
    _note_unread(output, summary)
    names = columns.split(",") if columns else summary["final_metrics"]
    output.answer_in_table(summary, HEADER, (_row(summary, name) for name in names), "No metrics yet.")


def _row(summary: dict[str, Any], name: str) -> tuple[object, ...]:
    last, best = summary["final_metrics"].get(name), summary["best_metrics"].get(f"best_{name}")
    return name, number(last), number(best), summary["directions"].get(name)


def _note_unread(output: Output, answer: dict[str, Any]) -> None:
    if answer["metrics_problem"] is not None:
        output.note(f"Warning: {answer['metrics_problem']}")
    if answer["num_skipped_rows"]:
        lines = "".join(f"; line {each['line']} {each['reason']}" for each in answer.get("skipped_rows", ()))
        output.note(f"Warning: lines skipped, because they are not rows: {answer['num_skipped_rows']:,}{lines}")


def _csv(answer: dict[str, Any], columns: str | None) -> str:
    wanted = columns.split(",") if columns else answer["available_columns"]
    names = [name for name in answer["available_columns"] if name in wanted]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    non_finite = _non_finite(answer)
    for row, values in enumerate(answer["data"]):
        writer.writerow(values | non_finite.get(row, {}))
    return text.getvalue()


def _non_finite(answer: dict[str, Any]) -> dict[int, dict[str, str]]:
    """Return the values that JSON cannot hold (nan, inf and -inf) by row and metric."""
    found: dict[int, dict[str, str]] = {}
    for name, rows_by_value in answer["non_finite"].items():
        for value, rows in rows_by_value.items():
            for row in rows:
                found.setdefault(row, {})[name] = value
    return found
