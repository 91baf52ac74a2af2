"""Train an experiment: `python -m trainer CONFIG --train-data-dir A --val-data-dir B --test-data-dir C`.

The service calls `python -m trainer --run-dir DIR`, which reads the request in run.json and the experiment in
config.yaml. The last line of a failed training is `error: REASON`, and its exit code is 1. After a stop the exit code
is 128 + the signal's number.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType

from trainer import arguments, libraries, reasons, rundir
from trainer.arguments import Arguments
from trainer.dataset.imagefile import ignore_warnings
from trainer.dataset.splits import SPLITS
from trainer.ddp.leader import Ranks
from trainer.experiment import experiment, resumable
from trainer.experiment.experiment import Experiment, ExperimentInvalid
from trainer.manifest import RunRequest
from trainer.preparation.images import Split, find_splits
from trainer.preparation.prepare import Prepared, prepare
from trainer.preparation.stratify import complete
from trainer.progress import ProgressFile
from trainer.request import Rank, Request
from trainer.rundir import RunDir
from trainer.stopping import Stop, Stopped
from trainer.temporary import temporary_folders

_ANYWHERE = (Path("/"),)
"""Whoever resumes a run, a person or the service, has checked where its links lead."""


def main(argv: Sequence[str] | None = None) -> int:
    """Train, and return the exit code."""
    given = arguments.parse(argv)
    stop = Stop(given.run.stop)
    stop.listen()
    loaded = None
    try:
        request, loaded = given.read()
        if loaded.command is not None:
            raise ExperimentInvalid({"command": ["is a program of its own; run that, or start it through the service"]})
        return _train(given, request, loaded, stop)
    except Exception as error:
        folders = (given.run.path, given.cache_dir, *temporary_folders())
        return _fail(error, reasons.reason_of(error, loaded, folders))


def run(argv: Sequence[str] | None = None) -> None:
    """Call `main`, and end the process if the exit code is not 0."""
    exit_code = main(argv)
    if exit_code:
        # Nothing may follow the last line. On a normal exit multiprocessing would terminate the loader processes that
        # an error left waiting, and torch would print a second error. Loader processes end with this one (see
        # batches.datamodule).
        sys.stdout.flush()
        os._exit(exit_code)


def _train(given: Arguments, request: RunRequest, loaded: Experiment, stop: Stop) -> int:
    run = given.run
    _refuse_used(run)
    if run.path.is_dir():  # The service made it and follows it already.
        _show_loading(run, loaded)
    splits = _find_images(request)
    earlier = RunDir(run.path.parent / request.resume_from, _ANYWHERE) if request.resume_from else None
    state = resumable.read_last_state(earlier) if earlier else None
    if earlier and state:
        resumable.refuse_misfit(state, earlier, loaded, splits["train"].class_names)
    _claim(run, loaded)
    with Ranks(len(loaded.trainer.devices)) as ranks:
        # Before torch is imported, so that mistakes in the request show at once.
        prepared = _prepare(splits, loaded, given.cache_dir, run, state)
        shares = {"test": loaded.data.test_share, "val": loaded.data.val_share}
        splits = complete(prepared.splits, shares, loaded.seed, prepared.train_digests)
        _show_loading(run, loaded)
        train = _import_train()
        training = train.Training(
            Request(
                run=run,
                experiment=loaded,
                config_name=request.config_name or run.config.name,
                model_name=request.model_name,
                dataset_name=request.dataset_name or "",
                splits=splits,
                value_range=prepared.value_range,
                resume_from=earlier,
                cache_dir=given.cache_dir,
                show_bar=sys.stdout.isatty(),
                rank=Rank(0, ranks.world_size),
            ),
            stop,
        )
        try:
            training.run(ranks)
        except Stopped:
            training.save_stopped()
            return stop.exit_code
    return 0


def _find_images(request: RunRequest) -> dict[str, Split]:
    folders = {split: getattr(request, f"{split}_data_dir") for split in SPLITS}
    return find_splits({split: Path(folder) for split, folder in folders.items() if folder})


def _import_train() -> ModuleType:
    if "torch" not in sys.modules:  # A prewarmed program has imported it.
        print("loading torch, lightning and transformers", flush=True)
    return libraries.import_train()


def _prepare(
    splits: dict[str, Split], loaded: Experiment, cache_dir: Path, run: RunDir, state: resumable.LastState | None
) -> Prepared:
    """Inspect the images. A resumed training keeps the value range of its checkpoint."""
    ignore_warnings()
    data = loaded.data
    if state is not None and state.value_range is not None:
        data = replace(data, value_range=state.value_range)
    progress = ProgressFile(run, loaded.trainer.max_epochs)
    return prepare(splits, data, cache_dir, run.unreadable_images, partial(print, flush=True), progress.count_prepared)


def _refuse_used(run: RunDir) -> None:
    if run.checkpoints.exists() or run.metrics.exists() or run.result.exists():
        raise RunDirInUse(f"the run directory already holds another run: {run.path}")


def _show_loading(run: RunDir, loaded: Experiment) -> None:
    """Report the phase `loading`, the only sign of the training until libraries and images are loaded."""
    ProgressFile(run, loaded.trainer.max_epochs).begin_phase("loading")


def _claim(run: RunDir, loaded: Experiment) -> None:
    """Make the run directory and its config.yaml, unless the service has made them."""
    run.path.mkdir(parents=True, exist_ok=True)
    if not run.config.exists():
        rundir.write_text(run.config, experiment.to_yaml(loaded))


class RunDirInUse(ValueError):
    """Another training has used the run directory."""


def _fail(error: Exception, reason: str) -> int:
    sys.stdout.flush()
    if not reasons.says_everything(error):
        traceback.print_exception(error)
    print(f"error: {reason}", file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    run()
