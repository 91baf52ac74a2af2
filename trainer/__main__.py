"""Train by an experiment file: `python -m trainer CONFIG --train-data-dir A --val-data-dir B --test-data-dir C`.

The last line of a failed training is `error: REASON`, its exit code 1. After a stop it is 128 + the signal's number.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import ModuleType

from trainer import libraries, reasons, rundir
from trainer.dataset.imagefile import ignore_warnings
from trainer.dataset.splits import SPLITS
from trainer.ddp.leader import Ranks
from trainer.experiment import experiment, resumable, strict_yaml
from trainer.experiment.experiment import ExperimentInvalid
from trainer.preparation.images import Split, find_splits
from trainer.preparation.prepare import Prepared, prepare
from trainer.preparation.stratify import complete
from trainer.progress import ProgressFile
from trainer.request import Place, Request
from trainer.stopping import Stop, Stopped
from trainer.temporary import temporary_folders

_ANYWHERE = (Path("/"),)
"""The links in a run that a person, or the service, resumes from were looked at by them."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    run = rundir.RunDir(options.run_dir or _new_local_run())
    stop = Stop(run.stop)
    stop.listen()
    loaded = None
    try:
        loaded = _load(options)
        return _train(loaded, options, run, stop)
    except Exception as error:
        folders = (run.path, options.cache_dir, *temporary_folders())
        return _fail(error, reasons.reason_of(error, loaded, folders))


def run(arguments: Sequence[str] | None = None) -> None:
    """As `main`, but end the process if its exit code is not 0."""
    exit_code = main(arguments)
    if exit_code:
        # Nothing may come after the last line. On the way out multiprocessing would terminate loader processes that an
        # error left waiting, whereupon torch prints a second error; so they end with us (see batches.datamodule).
        sys.stdout.flush()
        os._exit(exit_code)


def _load(options: argparse.Namespace) -> experiment.Experiment:
    loaded = experiment.load(options.config, _overrides(options.set))
    if loaded.command is not None:
        raise ExperimentInvalid({"command": ["is a program of its own; run that, or start it through the service"]})
    return loaded


def _train(loaded: experiment.Experiment, options: argparse.Namespace, run: rundir.RunDir, stop: Stop) -> int:
    _refuse_used(run)
    if run.path.is_dir():  # of the service, which follows it already
        _show_loading(run, loaded)
    splits = _find_images(options)
    earlier = rundir.RunDir(options.resume_from, _ANYWHERE) if options.resume_from else None
    state = resumable.read_last_state(earlier) if earlier else None
    if earlier and state:
        resumable.refuse_misfit(state, earlier, loaded, splits["train"].class_names)
    _claim(run, loaded)
    with Ranks(len(loaded.trainer.devices)) as ranks:
        # Before torch, so that mistakes in what was given show at once.
        prepared = _prepare(splits, loaded, options.cache_dir, run, state)
        splits = complete(prepared.splits, loaded.data, loaded.seed, lambda _: prepared.train_digests)
        _show_loading(run, loaded)
        train = _import_train()
        request = Request(
            run=run,
            experiment=loaded,
            config_name=options.config_name or options.config.name,
            model_name=options.model_name,
            splits=splits,
            value_range=prepared.value_range,
            resume_from=earlier,
            cache_dir=options.cache_dir,
            show_bar=sys.stdout.isatty(),
            place=Place(0, ranks.size),
        )
        training = train.Training(request, stop)
        try:
            training.run(ranks)
        except Stopped:
            training.keep()
            return stop.exit_code
    return 0


def _find_images(options: argparse.Namespace) -> dict[str, Split]:
    given = {split: getattr(options, f"{split}_data_dir") for split in SPLITS}
    return find_splits({split: folder for split, folder in given.items() if folder})


def _import_train() -> ModuleType:
    if "torch" not in sys.modules:  # a prewarmed program has it
        print("loading torch, lightning and transformers", flush=True)
    return libraries.import_train()


def _prepare(
    splits: dict[str, Split],
    loaded: experiment.Experiment,
    cache_dir: Path,
    run: rundir.RunDir,
    state: resumable.LastState | None,
) -> Prepared:
    """A resumed training keeps the value range that its checkpoint was trained with."""
    ignore_warnings()
    data = loaded.data
    if state is not None and state.value_range is not None:
        data = replace(data, value_range=state.value_range)
    progress = ProgressFile(run, loaded.trainer.max_epochs)
    return prepare(splits, data, cache_dir, run.unreadable_images, _say, progress.count_prepared)


def _say(line: str) -> None:
    print(line, flush=True)


def _refuse_used(run: rundir.RunDir) -> None:
    if run.checkpoints.exists() or run.find_metrics() or run.result.exists():
        raise RunDirInUse(f"run directory holds another run already: {run.path}")


def _show_loading(run: rundir.RunDir, loaded: experiment.Experiment) -> None:
    """Tell whoever follows the run that it has begun: until libraries and images are there, nothing else does."""
    ProgressFile(run, loaded.trainer.max_epochs).begin_phase("loading")


def _claim(run: rundir.RunDir, loaded: experiment.Experiment) -> None:
    """Make the run directory and its config.yaml, unless the service has."""
    run.path.mkdir(parents=True, exist_ok=True)
    if not run.config.exists():
        rundir.write_text(run.config, experiment.to_yaml(loaded))


class RunDirInUse(ValueError):
    """The run directory was trained in before."""


def _new_local_run() -> Path:
    started_at = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    path = Path("logs/train/local") / started_at
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


def _fail(error: Exception, reason: str) -> int:
    sys.stdout.flush()
    if not reasons.says_everything(error):
        traceback.print_exception(error)
    print(f"error: {reason}", file=sys.stderr, flush=True)
    return 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m trainer", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("config", type=Path, help="the experiment, a YAML file")
    for split in SPLITS:
        is_needed, note = split == "train", "" if split == "train" else f"; default: as data.{split}_share says"
        parser.add_argument(
            f"--{split}-data-dir", type=Path, required=is_needed, metavar="DIR", help=f"holds CLASS/image{note}"
        )
    parser.add_argument("--model-name", default="model", metavar="NAME", help="name of the model in its card")
    parser.add_argument("--config-name", metavar="NAME", help="name of the experiment in the card; default: CONFIG's")
    parser.add_argument("--run-dir", type=Path, metavar="DIR", help="default: logs/train/local/DATE_TIME")
    parser.add_argument(
        "--cache-dir", type=Path, default=Path("logs/train/cache"), metavar="DIR", help="keeps decoded images"
    )
    parser.add_argument(
        "--resume-from", type=Path, metavar="DIR", help="run directory whose training goes on in this one"
    )
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="like trainer.max_epochs=3")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run()
