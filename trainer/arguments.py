"""The arguments of `python -m trainer`: a run directory of the service, or an experiment and folders of images."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from trainer.dataset.splits import SPLITS
from trainer.experiment import experiment, strict_yaml
from trainer.experiment.experiment import Experiment, ExperimentInvalid
from trainer.manifest import RunRequest, read_request
from trainer.rundir import RunDir, cache_dir

LOCAL_RUNS = Path("logs/train/local")
"""Where runs from the command line are kept, unless --run-dir names another folder."""


@dataclass(frozen=True)
class Arguments:
    """Where to train, and how to find out what."""

    run: RunDir
    cache_dir: Path
    """The folder of decoded images, which all trainings share."""
    options: argparse.Namespace

    def read(self) -> tuple[RunRequest, Experiment]:
        """Return the request and the experiment. Raises ManifestInvalid, ExperimentInvalid."""
        options = self.options
        if options.config is None:
            return read_request(self.run), experiment.load(self.run.config)
        overrides = _overrides(options.set)
        folders = (getattr(options, f"{split}_data_dir") for split in SPLITS)
        train, val, test = (folder and str(folder.absolute()) for folder in folders)
        request = RunRequest(
            config_name=options.config_name or options.config.name,
            train_data_dir=train,
            val_data_dir=val,
            test_data_dir=test,
            dataset=None,
            model_name=options.model_name,
            overrides=overrides,
            resume_from=options.resume_from and str(options.resume_from.absolute()),
        )
        return request, experiment.load(options.config, overrides)


def parse(argv: Sequence[str] | None) -> Arguments:
    """Parse the command line. Exits with a usage message if it is wrong."""
    parser = _parser()
    options = parser.parse_args(argv)
    others = [name for name in vars(options) if getattr(options, name) != parser.get_default(name)]
    if options.config is None and others != ["run_dir"]:
        parser.error("give CONFIG and --train-data-dir, or --run-dir alone to train what its run.json says")
    if options.config is not None and options.train_data_dir is None:
        parser.error("--train-data-dir is required with CONFIG")
    run = RunDir(options.run_dir or _new_local_run())
    shared = cache_dir(run.path.parent if options.config is None else LOCAL_RUNS)
    return Arguments(run, options.cache_dir or shared, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trainer", description="Train an experiment on folders of images.")
    parser.add_argument("config", nargs="?", type=Path, metavar="CONFIG", help="the experiment, a YAML file")
    for split in SPLITS:
        note = "" if split == "train" else f"; default: data.{split}_share decides"
        parser.add_argument(f"--{split}-data-dir", type=Path, metavar="DIR", help=f"holds CLASS/image{note}")
    parser.add_argument("--model-name", default="model", metavar="NAME", help="the model's name in its card")
    parser.add_argument("--config-name", metavar="NAME", help="the experiment's name in the card; default: CONFIG's")
    parser.add_argument("--run-dir", type=Path, metavar="DIR", help=f"default: {LOCAL_RUNS}/DATE_TIME")
    parser.add_argument(
        "--cache-dir", type=Path, metavar="DIR", help=f"for decoded images; default: {cache_dir(LOCAL_RUNS)}"
    )
    parser.add_argument("--resume-from", type=Path, metavar="DIR", help="the run directory of the run to resume")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="like trainer.max_epochs=3")
    return parser


def _new_local_run() -> Path:
    started_at = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    path = LOCAL_RUNS / started_at
    number = 2
    while path.exists():
        path = path.with_name(f"{started_at}_{number}")
        number += 1
    return path


def _overrides(assignments: list[str]) -> dict[str, object]:
    overrides: dict[str, object] = {}
    for assignment in assignments:
        name, is_given, value = assignment.partition("=")
        if not is_given:
            raise ExperimentInvalid({f"--set {assignment}": ["must be like trainer.max_epochs=3"]})
        try:
            overrides[name] = strict_yaml.parse(value)
        except strict_yaml.YamlInvalid as error:
            raise ExperimentInvalid({f"--set {assignment}": [str(error)]}) from error
    return overrides
