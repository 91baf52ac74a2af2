from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.trainer.classifiers import optimizer_of, untrained
from trainer.experiment.experiment import parse
from trainer.fit.module import Classifier
from trainer.network.ema import EmaNetwork
from trainer.network.network import Network


def network(value: float) -> Network:
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    for each in [*model.parameters(), *model.buffers()]:
        each.data.fill_(value)
    return Network(model)


def values(average: EmaNetwork) -> set[float]:
    """Return the values of all weights and running statistics."""
    tensors = [*average.module.parameters(), *average.module.buffers()]
    return {round(float(each), 6) for tensor in tensors if tensor.is_floating_point() for each in tensor.flatten()}


def test_the_average_moves_fast_at_first_and_by_its_decay_later() -> None:
    average, expected = EmaNetwork(network(0), 0.3), 0.0
    for count, decay in enumerate((1 / 10, 2 / 11, 3 / 12, 0.3, 0.3), 1):
        average.update_parameters(network(count))
        expected = decay * expected + (1 - decay) * count
        assert values(average) == {round(expected, 6)}
    counter = average.module.model[1].num_batches_tracked
    assert int(counter) == 5  # copied, because averaging a counter makes no sense


def test_a_mask_of_infinities_stays() -> None:
    original = network(1)
    mask = torch.tensor([0, -torch.inf])
    original.register_buffer("mask", mask)
    average = EmaNetwork(original, 0.9)
    average.update_parameters(original)
    assert torch.equal(average.module.get_buffer("mask"), mask)


def test_the_average_continues_from_its_saved_state() -> None:
    first, second = EmaNetwork(network(0), 0.9), EmaNetwork(network(7), 0.9)
    for value in range(5):
        first.update_parameters(network(value))
    second.load_state_dict(first.state_dict())
    first.update_parameters(network(9))
    second.update_parameters(network(9))
    assert values(first) == values(second)


def test_the_average_is_evaluated_and_not_trained() -> None:
    experiment = parse({"model": {"class_path": "a.B"}, "trainer": {"ema_decay": 0.5}})
    made = Classifier(network(1), experiment, [0], [1], untrained(experiment))
    assert made.ema is not None
    assert made.eval_network is made.ema.module
    assert not any(each.requires_grad for each in made.ema.parameters())
    (group,) = optimizer_of(made).param_groups
    assert len(group["params"]) == len(list(made.network.parameters()))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_applies_class_weights_and_label_smoothing(smoothing: float) -> None:
    experiment = parse({"model": {"class_path": "a.B"}, "loss": {"label_smoothing": smoothing}})
    made = Classifier(network(1), experiment, [0], [1], untrained(experiment), torch.tensor([0.5, 2.0]))
    logits, labels = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1])
    log_p = logits.log_softmax(1)[0]
    targets = torch.tensor([[1 - smoothing / 2, smoothing / 2], [smoothing / 2, 1 - smoothing / 2]])
    weights = torch.tensor([0.5, 2.0])
    expected = -(targets * weights * log_p).sum() / weights.sum()
    assert made.loss(logits, labels) == pytest.approx(float(expected))
