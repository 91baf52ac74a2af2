"""Batches of a single image, which most networks with batch norm cannot train on."""

from __future__ import annotations

import copy

import torch

from trainer.batches.datamodule import ImageDataModule
from trainer.experiment.data import Data
from trainer.experiment.experiment import ExperimentInvalid
from trainer.network.network import Network


def avoid_single_image_batches(data_module: ImageDataModule, network: Network, data: Data, world_size: int) -> None:
    """If `network` cannot train on one image, skip an image that is left over at the end of an epoch.

    It is another image in each epoch. Raises ExperimentInvalid if no batch has more than one image.
    """
    if not data_module.has_single_image_batch or (problem := _problem(network, data)) is None:
        return
    data_module.drop_single = True
    if data_module.has_single_image_batch:
        must = f"must be at least {2 * world_size}, two images per device"
        raise ExperimentInvalid({"data.batch_size": [f"{must}: this network cannot train on one image ({problem})"]})


def _problem(network: Network, data: Data) -> str | None:
    """Train a copy of `network` on a single image and return its error, if any. Keeps the random state."""
    trained = copy.deepcopy(network).train()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            trained(torch.zeros(1, data.channels, data.side, data.side))
    except ValueError as error:  # batch norm: "Expected more than 1 value per channel when training"
        return str(error)
    return None
