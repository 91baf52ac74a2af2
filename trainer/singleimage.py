"""Whether a network can be trained on a batch of one image."""

from __future__ import annotations

import copy

import torch

from trainer.datasection import Data
from trainer.experiment import ExperimentInvalid
from trainer.network import Network


def refuse_single_image(network: Network, data: Data, num_devices: int) -> None:
    """Raise ExperimentInvalid where `network` cannot be trained on one image alone, as most with batch norm cannot.

    The network itself stays as it is, and so do the random numbers.
    """
    trained = copy.deepcopy(network).train()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            trained(torch.zeros(1, data.channels, data.side, data.side))
    except ValueError as error:  # batch norm: "Expected more than 1 value per channel when training"
        needed = 2 * num_devices
        problem = f"must be at least {needed}, two images per device: this network cannot be trained on one ({error})"
        raise ExperimentInvalid({"data.batch_size": [problem]}) from None
