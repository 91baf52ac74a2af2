"""One training in a run directory: fit, test and report, then export the best checkpoint to a verified ONNX file."""

from __future__ import annotations

import traceback
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm  # type: ignore[import-untyped]

from trainer import rundir
from trainer.ddp.leader import Ranks
from trainer.fit import loggers
from trainer.fit.fit import Fit
from trainer.fit.summary import summary_lines
from trainer.model.modelfiles import ModelFiles
from trainer.model.trial import TrialExport
from trainer.report.outputs import CollectOutputs
from trainer.report.write import report_on_test
from trainer.request import Request
from trainer.stopping import Stop


class Training:
    """One training. The leader calls `run` and, after Stopped, `save_stopped`. Other ranks call only `join`."""

    def __init__(self, request: Request, stop: Stop) -> None:
        """Build everything without training. Raises ExperimentInvalid, DataInvalid and ResumeImpossible."""
        self._stop = stop
        self._log = tqdm.write if request.show_bar else partial(print, flush=True)  # tqdm writes above the bar
        self._collector = CollectOutputs()
        self._fit = Fit(request, stop, self._log, [self._collector])
        self._request = self._fit.request
        self._run = request.run
        self._model_files = ModelFiles(self._request, self._fit.data_module, self._fit.progress, stop, self._log)

    def run(self, ranks: Ranks) -> None:
        """Fit, test, export, and write result.json last. Raises Stopped, ExportFailed, and what libraries raise."""
        with loggers.reporting_outcome(self._fit.loggers):
            self._describe()
            trial = TrialExport(self._model_files, self._fit.module, self._fit.progress, self._stop)
            self._fit.trainer.callbacks.append(trial)  # type: ignore[attr-defined]  # documented, but not declared
            self._fit.run(ranks)
            self._stop.begin_keeping()  # if no step was left to train
            self._stop.check()
            self._explain_early_end()
            card = self._save_model(self._test(self._fit.load_best()))
            self._stop.check()
            self._write_result(card)
            self._stop.finish()
            self._log(f"completed: {self._run.path}")

    def save_stopped(self) -> None:
        """After Stopped: export the best checkpoint, unless that is done, and log which files were saved.

        A failed export is logged only. A stop promises the checkpoints, not the model.
        """
        if not self._run.card.exists():
            try:
                self._save_model(None)
            except Exception:
                traceback.print_exc()
                self._log("the model could not be exported")
        files = (self._fit.checkpoints.best, self._fit.checkpoints.last, self._run.card)
        self._log("stopped; saved " + ", ".join(each.name for each in files if each is not None and each.exists()))

    def join(self, port: int) -> None:
        """Take part in the fit as a rank of the leader whose store listens on `port`. Raises what `run` does."""
        self._fit.join(port)

    def _describe(self) -> None:
        fit = self._fit
        for line in summary_lines(self._request, fit.module, fit.device_name, fit.earlier):
            self._log(line)
        content = loggers.hyperparameters(self._request, fit.module, fit.device_name)
        loggers.log_hyperparameters(fit.loggers, content)

    def _explain_early_end(self) -> None:
        """Log why there were fewer epochs than max_epochs, or none."""
        fit, experiment = self._fit, self._request.experiment
        if fit.trainer.current_epoch < experiment.trainer.max_epochs:
            stopping = experiment.early_stopping
            self._log(f"early stopping: {stopping.monitor} has not improved for {stopping.patience} epochs")
        if fit.earlier and fit.trainer.global_step == fit.earlier.state.step:
            fit.progress.begin_fit(max(0, fit.earlier.state.epoch - 1), fit.earlier.state.step, 0)
            self._log("nothing is left to train; testing and exporting the best checkpoint")

    def _test(self, checkpoint: Path) -> dict[str, float]:
        """Test the weights of `checkpoint` and write the report. Return the test metrics, if there are test images."""
        metrics = self._fit.test()
        split = self._request.tested_split
        self._log(f"{split}: " + "  ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
        find_heatmaps = partial(self._model_files.explain, self._fit.module)
        outputs, loss = self._collector.outputs, metrics[f"{split}/loss"]
        self._log(report_on_test(self._request, outputs, checkpoint, loss, find_heatmaps))
        return metrics if split == "test" else {}

    def _save_model(self, test_metrics: dict[str, float] | None) -> dict[str, Any]:
        """Export the best checkpoint, then write and return the model card. `test_metrics` is None after a stop."""
        checkpoint, metrics = self._fit.load_best(), self._fit.checkpoints.best_train_metrics
        return self._model_files.write(self._fit.module.cpu(), checkpoint, metrics, test_metrics)

    def _write_result(self, card: dict[str, Any]) -> None:
        result = {
            "completed_at": rundir.utc_now(),
            "test_metrics": card["test_metrics"],
            "best_checkpoint": card["checkpoint"],
            "model_path": card["model_path"],
            "explanation": card["explanation"],
            "epochs": self._fit.trainer.current_epoch,
            "steps": self._fit.trainer.global_step,
        }
        rundir.write_json(self._run.result, result)
