"""`training predict`: try a model on images."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import click

from app.cli.client import Client
from app.cli.completion import complete_run
from app.cli.connected import connected
from app.cli.output import Output


@click.command()
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True,
                type=click.Path(exists=True, dir_okay=False, path_type=Path))  # fmt: skip
@click.option("--run", shell_complete=complete_run, help="The run whose model predicts.  [default: the newest model]")
@click.option("--file", help="One of several models of the run, as FILE in the list of models.")
@click.option("--variant", help="A smaller file of the model, such as fp16 or int8.")
@click.option("--top", type=click.IntRange(1), default=3, show_default=True, help="Number of classes per image.")
@click.option("--heatmaps", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Existing folder for a heatmap per image: bright where the model found the class.")  # fmt: skip
@connected
def predict(
    client: Client,
    output: Output,
    images: tuple[Path, ...],
    run: str | None,
    file: str | None,
    variant: str | None,
    top: int,
    heatmaps: Path | None,
) -> None:
    """Classify each IMAGE with a model."""
    answer = client.predict(run or _newest(client), images, top, heatmaps is not None, file, variant)
    if heatmaps is not None:
        for number, (image, prediction) in enumerate(zip(images, answer["predictions"], strict=True), 1):
            _save(output, heatmaps / f"{number:03}_{image.stem}.png", prediction["heatmap"])
    output.answer_in_table(answer, ("IMAGE", "CLASSES"), map(_row, answer["predictions"]), "")


def _newest(client: Client) -> str:
    models = client.models(limit=1)
    if not models:
        raise click.ClickException("No models yet.")
    return str(models[0]["run_id"])


def _row(prediction: dict[str, Any]) -> tuple[object, ...]:
    classes = (f"{each['name']} {each['probability']:.1%}" for each in prediction["classes"])
    return prediction["file"], ", ".join(classes)


def _save(output: Output, path: Path, heatmap: str | None) -> None:
    if heatmap is None:
        output.note(f"{path.name}: the model has no heatmaps.")
    else:
        path.write_bytes(base64.b64decode(heatmap.partition(",")[2]))
