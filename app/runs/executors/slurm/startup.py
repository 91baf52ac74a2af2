"""Check that runs can be submitted, before the service starts."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from app.runs.executors.slurm.commands import Commands, SlurmError
from app.runs.executors.slurm.listing import Listings
from app.runs.executors.slurm.submission import Submissions

logger = logging.getLogger(__name__)

COMMANDS = ("sbatch", "squeue", "scancel", "sinfo")
_PERMANENT = ("invalid", "unrecognized", "configuration source", "configuration file")
"""What SLURM says if its configuration or the options are wrong. Everything else may be different in a minute."""


def missing_commands() -> list[str]:
    return [name for name in COMMANDS if shutil.which(name) is None]


def check(commands: Commands, options: Sequence[str], project_root: Path) -> None:
    """Let SLURM check the operator's options. Raises SlurmError for what cannot work.

    A controller or nodes that are away only get a warning: they may come back, and meanwhile the service still shows
    the runs.
    """
    listings = Listings(commands)
    listings.wait()
    listings.close()
    try:
        if listings.problem is not None:
            raise SlurmError(listings.problem)
        Submissions(commands, options, project_root).check()
    except SlurmError as error:
        if any(text in str(error).lower() for text in _PERMANENT):
            raise
        logger.warning("SLURM would not accept a run now: %s", error)
