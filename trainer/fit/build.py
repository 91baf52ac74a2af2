"""Build the Classifier of an experiment: network, image cache, pixel statistics and class weights."""

from __future__ import annotations

from collections.abc import Callable

from trainer.batches.datamodule import ImageDataModule
from trainer.batches.statistics import class_weights, measure_mean_std
from trainer.dataset.valuerange import ValueRange
from trainer.experiment.experiment import Experiment
from trainer.experiment.resumable import LastState
from trainer.fit.device import Device
from trainer.fit.module import Classifier
from trainer.fit.resume import EarlierRun
from trainer.fit.single_image import avoid_single_image_batches
from trainer.network import network
from trainer.preparation.cache import GIGABYTE, ImageCache
from trainer.progress import ProgressFile
from trainer.request import Request

NUM_CHECKED_IMAGES = 64
"""Train images to check for blank pixels if the experiment sets mean and std, so that they need not be measured."""


def build_classifier(
    request: Request,
    data_module: ImageDataModule,
    device: Device,
    initial_state: LastState,
    earlier: EarlierRun | None,
    progress: ProgressFile,
    log: Callable[[str], None],
) -> Classifier:
    """Build the network and prepare the images for it. Raises ExperimentInvalid, and DataInvalid for blank images."""
    experiment, world_size = request.experiment, request.rank.world_size
    data = experiment.data
    net = network.build(experiment.model, data, data_module.splits["train"].class_names)
    if not (device.is_cuda and world_size > 1):  # with both, batch norm covers the images of all ranks
        avoid_single_image_batches(data_module, net, data, world_size)
    progress.total_steps = _total_steps(experiment, data_module, earlier)
    device.set_memory_format(net)
    if data.cache:  # after the network, so that its errors need not wait for the decoding
        report = progress.count_prepared if request.rank.is_leader else lambda *_: None
        cache = ImageCache(request.cache_dir, round(data.cache_max_gb * GIGABYTE), log, report)
        data_module.decoded = cache.open(data_module.splits, data.channels, data.side, ValueRange.of(data.value_range))
    mean, std = _mean_std(experiment, data_module)
    is_weighted = experiment.loss.class_weights == "balanced"
    weights = class_weights(data_module.splits["train"]) if is_weighted else None
    classifier = Classifier(net, experiment, mean, std, initial_state, weights)
    classifier.total_steps = progress.total_steps
    if experiment.trainer.compile:
        for each in (classifier.network, classifier.eval_network):
            each.compile()  # in place, which keeps the names of the weights in checkpoints
    return classifier


def _mean_std(experiment: Experiment, data_module: ImageDataModule) -> tuple[list[float], list[float]]:
    """Return the experiment's mean and std, or measure them. Raises DataInvalid for blank images in either case."""
    data, train = experiment.data, data_module.dataset("train")
    if data.mean is None or data.std is None:
        return measure_mean_std(train)
    measure_mean_std(train, NUM_CHECKED_IMAGES)
    return list(data.mean), list(data.std)


def _total_steps(experiment: Experiment, data_module: ImageDataModule, earlier: EarlierRun | None) -> int:
    """Count the steps of the whole training: those of the earlier run, and the rest with the present settings."""
    settings = experiment.trainer
    steps_per_epoch = -(-data_module.num_train_batches // settings.accumulate_batches)
    if earlier is None:
        return steps_per_epoch * settings.max_epochs
    epochs_left = settings.max_epochs - earlier.state.epoch
    steps_in_epoch = earlier.state.batch // settings.accumulate_batches
    return earlier.state.step + steps_per_epoch * epochs_left - steps_in_epoch
