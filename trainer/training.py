"""One training from images to a verified ONNX file, in a run directory: fit, test and report on the best, export."""

from __future__ import annotations

import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
from lightning import Trainer
from lightning.pytorch.callbacks import Callback, TQDMProgressBar
from tqdm import tqdm  # type: ignore[import-untyped]

from trainer import rundir
from trainer.batches.datamodule import ImageBatches, class_weights, measure_mean_std
from trainer.batches.order import Position
from trainer.dataset.valuerange import ValueRange
from trainer.ddp import group
from trainer.ddp.group import AgreedStop
from trainer.ddp.leader import Ranks
from trainer.experiment.resumable import LastState, refuse_misfit
from trainer.fit import loggers, resume
from trainer.fit.callbacks import LeaveOffOnStop, LogTraining, PrintEpochs, ReportProgress
from trainer.fit.checkpointfile import AtomicCheckpointIO
from trainer.fit.checkpoints import KeepCheckpoints
from trainer.fit.device import choose_device
from trainer.fit.earlystopping import StopWithoutImprovement
from trainer.fit.module import Classifier
from trainer.fit.nonfinite import StopOnNotFinite
from trainer.fit.opening import opening_lines
from trainer.fit.singleimage import avoid_single_images
from trainer.model.modelfiles import ModelFiles
from trainer.network import network, preprocessing
from trainer.preparation.cache import GIGABYTE, ImageCache
from trainer.progress import ProgressFile
from trainer.report.outputs import CollectOutputs
from trainer.report.write import report_on_test
from trainer.request import ALONE, Request
from trainer.stopping import Stop

NUM_LOOKED_AT = 64
"""Train images that must show something when mean and std are given, so need not be measured."""


class Training:
    """One training. `run` does all of it; after a Stopped, `keep` makes the best of what there is.

    On several devices there is one in each process; those of the ranks but 0 `take_part` in the fit.
    """

    def __init__(self, request: Request, stop: Stop) -> None:
        """Build everything, without training yet. Raises ExperimentInvalid, DataInvalid, ResumeImpossible."""
        asked = request.experiment
        data = replace(preprocessing.resolve(asked.model, asked.data), value_range=request.value_range)
        request = replace(request, experiment=replace(asked, data=data))
        self._request = request
        self._run = request.run
        self._experiment = request.experiment
        self._stop = stop
        self._device = choose_device(request.experiment.trainer)
        self._place = request.place
        self._agreed_stop = AgreedStop(stop) if self._place.size > 1 else stop
        self._earlier = resume.open_earlier(request.resume_from) if request.resume_from else None
        self._device.set_up(self._place)
        lightning.seed_everything(self._experiment.seed, workers=True, verbose=False)

        self._start = self._earlier.position if self._earlier else Position()
        self._batches = ImageBatches(request.splits, data, self._experiment.seed, self._start, self._place)
        self._class_names = request.splits["train"].class_names
        num_images = len(request.splits["train"])
        if self._earlier and self._place.rank == 0:
            refuse_misfit(self._earlier.state, self._earlier.run, asked, self._class_names, num_images)
        self._begin = LastState(
            self._run.run_id,
            asked,
            self._class_names,
            num_images,
            epoch=0,
            batch=0,
            step=0,
            value_range=data.value_range,
        )
        self._progress = ProgressFile(self._run, self._experiment.trainer.max_epochs)
        self._module = self._build_module()
        self._checkpoints = KeepCheckpoints(self._run, asked.checkpoint, self._agreed_stop, self._say_as_leader)
        self._loggers = loggers.build(request, self._say)
        self._collector = CollectOutputs(len(request.splits[request.tested_split]), len(self._class_names))
        self._trainer = self._build_trainer()

    def run(self, ranks: Ranks) -> None:
        """Fit, test, export, and write result.json last of all. Raises Stopped, ExportFailed, and what libraries do."""
        with loggers.outcome_told(self._loggers):
            self._run_phases(ranks)

    def _run_phases(self, ranks: Ranks) -> None:
        device = str(self._trainer.strategy.root_device)
        for line in opening_lines(self._request, self._module, device, self._earlier):
            self._say(line)
        loggers.tell_hyperparameters(self._loggers, loggers.hyperparameters(self._request, self._module, device))
        self._model_files().try_export(self._module)
        self._stop.begin_keeping()
        self._fit(ranks)
        card = self._save_model(self._test(self._load_best()))
        self._stop.check()
        result = {
            "completed_at": rundir.utc_now(),
            "test_metrics": card["test_metrics"],
            "best_checkpoint": card["checkpoint"],
            "model_path": card["model_path"],
            "epochs": self._trainer.current_epoch,
            "steps": self._trainer.global_step,
        }
        rundir.write_json(self._run.result, result)
        self._stop.finish()
        self._say(f"completed: {self._run.path}")

    def keep(self) -> None:
        """After a Stopped: make a model of what there is, unless that was done, and say what is kept.

        The checkpoints are what a stop has to keep; a model that cannot be exported does not make it fail.
        """
        if not self._run.card.exists():
            try:
                self._save_model(None)
            except Exception:
                traceback.print_exc()
                self._say("the model could not be exported")
        files = (self._checkpoints.best, self._checkpoints.last, self._run.card)
        self._say("stopped; kept are " + ", ".join(each.name for each in files if each is not None and each.exists()))

    def take_part(self, port: int) -> None:
        """Fit beside the leader who is met at `port`. Raises what `run` does."""
        with group.following(port, self._place, self._trainer.strategy.root_device):
            self._fit_network()

    # the phases

    def _fit(self, ranks: Ranks) -> None:
        if self._earlier:
            resume.carry_over(self._earlier, self._run)
            loggers.carry_rows(self._loggers, self._earlier.rows)
        if self._place.size == 1:
            self._fit_network()
        else:
            with group.leading(ranks, self._request_to_others(), self._trainer.strategy.root_device):
                self._fit_network()
            self._go_on_alone()
        self._progress.write()
        self._stop.check()
        if self._trainer.current_epoch < self._experiment.trainer.max_epochs:
            stopping = self._experiment.early_stopping
            self._say(f"early stopping: {stopping.monitor} has not improved for {stopping.patience} epochs")
        if self._earlier and self._trainer.global_step == self._earlier.state.step:
            self._progress.begin_fit(max(0, self._start.epoch - 1), self._earlier.state.step, 0)
            self._say("nothing is left to train; the best checkpoint is tested and exported")

    def _request_to_others(self) -> Request:
        """With mean and std, so that nobody looks at the images for them again, and without loggers that write."""
        mean, std = (tuple(each.flatten().tolist()) for each in (self._module.mean, self._module.std))
        data = replace(self._experiment.data, mean=mean, std=std)
        return replace(self._request, experiment=replace(self._experiment, data=data, loggers=("csv",)))

    def _fit_network(self) -> None:
        path = self._earlier.checkpoint if self._earlier else None
        self._trainer.fit(self._module, datamodule=self._batches, ckpt_path=path, weights_only=True)

    def _go_on_alone(self) -> None:
        """On one device from now on, where every image is tested once and nobody waits."""
        fitted, self._place = self._trainer, ALONE
        self._trainer = self._build_trainer()
        self._trainer.fit_loop.load_state_dict(fitted.fit_loop.state_dict())

    def _load_best(self) -> Path:
        """Load the best checkpoint's weights, or the last one's where no epoch was completed; return its path."""
        path = self._checkpoints.best or self._checkpoints.last
        self._module.load_state_dict(resume.load_checkpoint(path)["state_dict"])
        return path

    def _test(self, checkpoint: Path) -> dict[str, float]:
        """Test what was loaded from `checkpoint` and report on it; without test images on val, and return nothing."""
        self._progress.begin_phase("test", self._batches.num_test_batches)
        self._trainer.test(self._module, datamodule=self._batches, verbose=False)
        self._progress.write()
        split = self._request.tested_split
        metrics = self._trainer.callback_metrics.items()
        found = {name: float(value) for name, value in metrics if name.startswith(f"{split}/")}
        self._say(f"{split}: " + "  ".join(f"{name} {value:.4f}" for name, value in found.items()))
        self._say(report_on_test(self._request, self._collector.outputs, checkpoint, found[f"{split}/loss"]))
        return found if split == "test" else {}

    def _save_model(self, test_metrics: dict[str, float] | None) -> dict[str, Any]:
        """Export the best checkpoint; write and return the model card. `test_metrics`: None after a stop."""
        checkpoint, metrics = self._load_best(), self._checkpoints.best_train_metrics
        return self._model_files().write(self._module.cpu(), checkpoint, metrics, test_metrics)

    def _model_files(self) -> ModelFiles:
        return ModelFiles(self._request, self._batches, self._progress, self._stop, self._say)

    # what is built

    def _build_module(self) -> Classifier:
        data = self._experiment.data
        net = network.build(self._experiment.model, data, self._class_names)
        if not (self._device.is_cuda and self._place.size > 1):  # there, batch norm is over all processes
            avoid_single_images(self._batches, net, data, self._place.size)
        self._progress.total_steps = self._total_steps()
        self._device.arrange(net)
        if data.cache:  # after the network: what is wrong with that must not show after minutes of decoding
            max_bytes = round(data.cache_max_gb * GIGABYTE)
            tell = self._progress.count_prepared if self._place.rank == 0 else _unheard
            cache = ImageCache(self._request.cache_dir, max_bytes, self._say_as_leader, tell)
            value_range = ValueRange.of(data.value_range)
            self._batches.decoded = cache.open(self._batches.splits, data.channels, data.side, value_range)
        mean, std = self._mean_std()
        is_weighted = self._experiment.loss.class_weights == "balanced"
        weights = class_weights(self._batches.splits["train"]) if is_weighted else None
        module = Classifier(net, self._experiment, mean, std, self._begin, weights)
        module.total_steps = self._total_steps()
        if self._experiment.trainer.compile:
            for each in (module.network, module.tested_network):
                each.compile()  # in place: checkpoints name the weights as ever
        return module

    def _mean_std(self) -> tuple[list[float], list[float]]:
        """Raises DataInvalid if the train images show nothing, even where mean and std are given."""
        data, train = self._experiment.data, self._batches.dataset("train")
        if data.mean is None or data.std is None:
            return measure_mean_std(train)
        measure_mean_std(train, NUM_LOOKED_AT)
        return list(data.mean), list(data.std)

    def _total_steps(self) -> int:
        """Those of a resumed run are done already, in batches of whatever size; the rest is made as is asked now."""
        chosen = self._experiment.trainer
        steps_per_epoch = -(-self._batches.num_train_batches // chosen.accumulate_batches)
        epochs_left = chosen.max_epochs - self._start.epoch
        done = self._earlier.state.step if self._earlier else 0
        return done + steps_per_epoch * epochs_left - self._start.batch // chosen.accumulate_batches

    def _build_trainer(self) -> Trainer:
        chosen = self._experiment.trainer
        trainer = Trainer(
            **self._device.options(self._place),
            max_epochs=chosen.max_epochs,
            gradient_clip_val=chosen.gradient_clip_norm,
            accumulate_grad_batches=chosen.accumulate_batches,
            logger=self._loggers,
            callbacks=self._callbacks(),
            plugins=[AtomicCheckpointIO()],
            default_root_dir=self._run.path,
            num_sanity_val_steps=0,
            enable_progress_bar=self._request.show_bar,
            enable_model_summary=False,
            log_every_n_steps=1,  # LogTraining decides itself; this one only keeps a warning about short epochs away
        )
        # Lightning 2.6 puts a handler of its own in front of ours at each fit and ends on SIGTERM with exit code 0; on
        # several devices that handler starts a broadcast in which nobody else takes part. No argument turns it off, and
        # no hook comes early enough to take the handler away again before a signal may arrive.
        trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]
        return trainer

    def _callbacks(self) -> list[Callback]:
        """In the order in which they must run: a row is logged and shown before NaN or a stop may end it."""
        agreed = [self._agreed_stop] if isinstance(self._agreed_stop, AgreedStop) and self._place.size > 1 else []
        leading = [ReportProgress(self._progress), PrintEpochs(self._say)] if self._place.rank == 0 else []
        callbacks: list[Callback] = [
            *agreed,
            LogTraining(self._experiment.trainer.log_every_n_steps),
            *leading,
            StopOnNotFinite(self._batches.splits["train"], self._experiment.trainer, self._say),
            LeaveOffOnStop(self._agreed_stop, self._checkpoints),
            self._checkpoints,
            self._collector,
        ]
        stopping = self._experiment.early_stopping
        if stopping.patience is not None:
            history = self._earlier.history(stopping.monitor) if self._earlier else []
            callbacks.append(StopWithoutImprovement(stopping, history))
        return [TQDMProgressBar(), *callbacks] if self._request.show_bar else callbacks

    # what is said

    def _say(self, line: str) -> None:
        if self._request.show_bar:
            tqdm.write(line)  # above the bar
        else:
            print(line, flush=True)

    def _say_as_leader(self, line: str) -> None:
        if self._place.rank == 0:
            self._say(line)


def _unheard(*_: object) -> None:
    """What several processes would say at once, only the leader says."""
