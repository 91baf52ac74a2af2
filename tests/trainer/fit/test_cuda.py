"""What only a CUDA GPU can show."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch.nn.functional import dropout

from trainer.batches.augment import Augment
from trainer.batches.mixing import mix
from trainer.experiment.data import Augmentation, Mixing
from trainer.fit.random_state import random_state, restore_random_state
from trainer.network.ema import EmaNetwork
from trainer.network.network import Network

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
GPU = torch.device("cuda")


@pytest.fixture
def synchronising_is_an_error() -> Iterator[None]:
    """Make torch raise an error where the CPU waits for the GPU."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Synchronization debug mode is a prototype")
        torch.cuda.set_sync_debug_mode("error")
    yield
    torch.cuda.set_sync_debug_mode("default")


def test_an_update_of_the_moving_average_does_not_wait_for_the_gpu(request: pytest.FixtureRequest) -> None:
    network = Network(nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)).to(GPU))
    average = EmaNetwork(network, 0.9)
    request.getfixturevalue("synchronising_is_an_error")
    for _ in range(2):
        average.update_parameters(network)


@pytest.mark.parametrize("settings", [Mixing(mixup_alpha=1), Mixing(cutmix_alpha=1)])
def test_mixing_does_not_wait_for_the_gpu(settings: Mixing, request: pytest.FixtureRequest) -> None:
    images, labels = torch.zeros(4, 1, 8, 8, device=GPU), torch.zeros(4, dtype=torch.int64, device=GPU)
    request.getfixturevalue("synchronising_is_an_error")
    mix(images, labels, settings)


def test_augmentation_does_not_wait_for_the_gpu(request: pytest.FixtureRequest) -> None:
    augment = Augment(Augmentation(0.5, 30, 0.2, 0.3, True, True, 0.4, 0.4, 0.4, 0.5))
    images = torch.zeros(4, 3, 8, 8, device=GPU)
    request.getfixturevalue("synchronising_is_an_error")
    augment.erase(augment.transform(images))


def test_dropout_continues_after_the_state_is_restored() -> None:
    ones = torch.ones(64, device=GPU)
    state = random_state(GPU)
    expected = dropout(ones), torch.rand(3)
    restore_random_state(state, GPU)
    assert torch.equal(dropout(ones), expected[0])
    assert torch.equal(torch.rand(3), expected[1])
