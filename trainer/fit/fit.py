"""The fit and the test: data, classifier, checkpoints and Lightning's trainer on the device of this rank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import lightning
from lightning import Trainer
from lightning.pytorch.callbacks import Callback, TQDMProgressBar

from trainer.batches.datamodule import ImageDataModule
from trainer.batches.samplers import Position
from trainer.ddp import group
from trainer.ddp.group import BroadcastStop
from trainer.ddp.leader import Ranks
from trainer.experiment.resumable import LastState, refuse_misfit
from trainer.fit import loggers, resume
from trainer.fit.build import build_classifier
from trainer.fit.callbacks import GracefulStop, LogTrainMetrics, PrintEpochs, WriteProgress
from trainer.fit.checkpoint_io import AtomicCheckpointIO
from trainer.fit.checkpoints import BestAndLastCheckpoint
from trainer.fit.device import choose_device
from trainer.fit.early_stopping import EarlyStopping
from trainer.fit.nonfinite import TerminateOnNaN
from trainer.network import preprocessing
from trainer.progress import ProgressFile
from trainer.request import SINGLE_PROCESS, Request
from trainer.stopping import Stop


class Fit:
    """Fits and tests the classifier of a request. On several devices, each rank has a Fit of its own."""

    def __init__(
        self, request: Request, stop: Stop, log: Callable[[str], None], test_callbacks: Sequence[Callback] = ()
    ) -> None:
        """Build everything without training. `log` writes a line to the log.

        Raises ExperimentInvalid, DataInvalid and ResumeImpossible.
        """
        original = request.experiment
        data = replace(preprocessing.resolve(original.model, original.data), value_range=request.value_range)
        request = replace(request, experiment=replace(original, data=data))
        self.request = request
        self.experiment = request.experiment
        self._log = log
        self._rank = request.rank
        self._device = choose_device(original.trainer)
        self._device.configure_torch(self._rank)
        self.earlier = resume.load_earlier(request.resume_from) if request.resume_from else None
        lightning.seed_everything(original.seed, workers=True, verbose=False)

        train = request.splits["train"]
        if self.earlier and self._rank.is_leader:
            refuse_misfit(self.earlier.state, self.earlier.run, original, train.class_names, len(train))
        initial_state = LastState(
            run_id=request.run.run_id,
            experiment=original,
            class_names=train.class_names,
            num_train_images=len(train),
            value_range=data.value_range,
        )
        start = self.earlier.position if self.earlier else Position()
        is_pinned = self._device.is_cuda
        self.data_module = ImageDataModule(request.splits, data, original.seed, start, self._rank, is_pinned)
        self.progress = ProgressFile(request.run, original.trainer.max_epochs)
        self.module = build_classifier(
            request, self.data_module, self._device, initial_state, self.earlier, self.progress, self._log_as_leader
        )
        self._stop = BroadcastStop(stop) if self._rank.world_size > 1 else stop
        self.checkpoints = BestAndLastCheckpoint(request.run, original.checkpoint, self._stop, self._log_as_leader)
        self.loggers = loggers.build(request, log)
        self._test_callbacks = test_callbacks
        self.trainer = self._build_trainer()

    @property
    def device_name(self) -> str:
        return str(self.trainer.strategy.root_device)

    def run(self, ranks: Ranks) -> None:
        """Fit on all devices. Raises Stopped, NotFinite, and what libraries raise."""
        if self.earlier:
            resume.copy_checkpoints(self.earlier, self.request.run)
            loggers.replay_rows(self.loggers, self.earlier.rows)
        if self._rank.world_size == 1:
            self._fit()
        else:
            with group.lead_group(ranks, self._request_for_ranks(), self.trainer.strategy.root_device):
                self._fit()
            self._continue_alone()
        self.progress.write()

    def join(self, port: int) -> None:
        """Fit as a rank of the leader whose store listens on `port`. Raises what `run` does."""
        with group.join_group(port, self._rank, self.trainer.strategy.root_device):
            self._fit()

    def load_best(self) -> Path:
        """Load the best checkpoint's weights, or the last one's if no epoch was completed. Return its path."""
        path = self.checkpoints.best or self.checkpoints.last
        self.module.load_state_dict(resume.load_checkpoint(path)["state_dict"])
        return path

    def test(self) -> dict[str, float]:
        """Evaluate the loaded weights on the tested split and return its metrics. Raises Stopped."""
        self.progress.begin_phase("test", self.data_module.num_test_batches)
        self.trainer.test(self.module, datamodule=self.data_module, verbose=False)
        self.progress.write()
        prefix = f"{self.request.tested_split}/"
        metrics = self.trainer.callback_metrics.items()
        return {name: float(value) for name, value in metrics if name.startswith(prefix)}

    def _fit(self) -> None:
        path = self.earlier.checkpoint if self.earlier else None
        self.trainer.fit(self.module, datamodule=self.data_module, ckpt_path=path, weights_only=True)

    def _request_for_ranks(self) -> Request:
        """Include mean and std, so that the ranks need not measure them, and only the logger that ranks leave alone."""
        mean, std = (tuple(each.flatten().tolist()) for each in (self.module.mean, self.module.std))
        data = replace(self.experiment.data, mean=mean, std=std)
        return replace(self.request, experiment=replace(self.experiment, data=data, loggers=("csv",)))

    def _continue_alone(self) -> None:
        """Build a trainer for one device, which tests each image once while no rank waits."""
        fitted, self._rank = self.trainer, SINGLE_PROCESS
        self.trainer = self._build_trainer()
        self.trainer.fit_loop.load_state_dict(fitted.fit_loop.state_dict())

    def _build_trainer(self) -> Trainer:
        settings = self.experiment.trainer
        trainer = Trainer(
            **self._device.trainer_options(self._rank),
            max_epochs=settings.max_epochs,
            gradient_clip_val=settings.gradient_clip_norm,
            accumulate_grad_batches=settings.accumulate_batches,
            logger=self.loggers,
            callbacks=self._callbacks(),
            plugins=[AtomicCheckpointIO()],
            default_root_dir=self.request.run.path,
            num_sanity_val_steps=0,
            enable_progress_bar=self.request.show_bar,
            enable_model_summary=False,
            log_every_n_steps=1,  # LogTrainMetrics decides; 1 avoids a warning about short epochs
        )
        # Lightning 2.6 wraps our SIGTERM handler at each fit and exits with code 0. On several devices its handler also
        # starts a broadcast that no other rank joins. No option turns it off, and no hook runs early enough to remove
        # it before a signal may arrive.
        trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]
        return trainer

    def _callbacks(self) -> list[Callback]:
        """In this order a row is logged and printed before NaN or a stop ends the fit."""
        callbacks: list[Callback] = []
        if isinstance(self._stop, BroadcastStop) and self._rank.world_size > 1:
            callbacks.append(self._stop)
        callbacks.append(LogTrainMetrics(self.experiment.trainer.log_every_n_steps))
        if self._rank.is_leader:
            callbacks += [WriteProgress(self.progress), PrintEpochs(self._log)]
        callbacks += [
            TerminateOnNaN(self.request.splits["train"], self.experiment.trainer, self._log),
            GracefulStop(self._stop, self.checkpoints),
            self.checkpoints,
            *self._test_callbacks,
        ]
        settings = self.experiment.early_stopping
        if settings.patience is not None:
            history = self.earlier.history(settings.monitor) if self.earlier else []
            callbacks.append(EarlyStopping(settings, history))
        return [TQDMProgressBar(), *callbacks] if self.request.show_bar else callbacks

    def _log_as_leader(self, line: str) -> None:
        if self.request.rank.is_leader:
            self._log(line)
