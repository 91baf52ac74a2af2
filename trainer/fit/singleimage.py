"""Batches of a single image, on which most networks with batch norm cannot be trained."""

from __future__ import annotations

import copy

import torch

from trainer.batches.datamodule import ImageBatches
from trainer.experiment.data import Data
from trainer.experiment.experiment import ExperimentInvalid
from trainer.network.network import Network


def avoid_single_images(batches: ImageBatches, network: Network, data: Data, num_devices: int) -> None:
    """Let no process train on a single image, if `network` cannot be trained on one.

    An image left over at the end of an epoch joins the batch before it. Raises ExperimentInvalid where that is not
    enough, because all batches are of one image. Other networks are trained on the same batches on any number of
    devices.
    """
    if not batches.has_single or (problem := _problem(network, data)) is None:
        return
    batches.joins_single = True
    if batches.has_single:
        must = f"must be at least {2 * num_devices}, two images per device"
        raise ExperimentInvalid({"data.batch_size": [f"{must}: this network cannot be trained on one ({problem})"]})


def _problem(network: Network, data: Data) -> str | None:
    """What `network` says of a single image in training. It stays as it is, and so do the random numbers."""
    trained = copy.deepcopy(network).train()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            trained(torch.zeros(1, data.channels, data.side, data.side))
    except ValueError as error:  # batch norm: "Expected more than 1 value per channel when training"
        return str(error)
    return None
