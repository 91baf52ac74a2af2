"""`training init`: a folder to serve, with the example experiments."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from app.installation import share_dir

EXAMPLES = ("configs/experiment/*.yaml", "docs/examples/train_by_command.py")
"""Copied into the new folder under the same paths: the experiments, and the program that one of them runs."""
EMPTY = ("data", "logs")


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def init(folder: Path) -> None:
    """Create FOLDER with the example experiments and folders for data and runs. Overwrites nothing."""
    source = share_dir()
    names = sorted(path.relative_to(source) for pattern in EXAMPLES for path in source.glob(pattern))
    _refuse_to_overwrite([folder / name for name in names])
    try:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, folder / name)
        for empty in EMPTY:
            (folder / empty).mkdir(exist_ok=True)
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be created: {error}.") from error
    click.echo(f"{folder} has {len(names) - 1} example experiments. To serve them: cd {folder} && training serve")


def _refuse_to_overwrite(files: list[Path]) -> None:
    """Raise ClickException before anything is written if one of the files exists, even as a broken link."""
    existing = [file for file in files if file.is_symlink() or file.exists()]
    if existing:
        raise click.ClickException(f"{existing[0]} exists already. Name a folder without experiments.")
