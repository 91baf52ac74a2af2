"""The heatmaps against other implementations, and the networks that allow none."""

from __future__ import annotations

import pytest
import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn

from tests.trainer.architectures import TINY
from trainer.experiment.data import Data
from trainer.experiment.sections import Model
from trainer.explanation.activation import ActivationMap
from trainer.explanation.explained import Explained, scale
from trainer.explanation.readout import NotExplainable, find_readouts
from trainer.explanation.recording import record
from trainer.explanation.rollout import AttentionRollout
from trainer.network import network
from trainer.network.network import Network


def build(name: str, side: int | None = None, **config: object) -> Network:
    """Build a tiny network whose heatmaps vary without a training: larger weights, and measured batch statistics."""
    values, tiny_side = TINY[name]
    torch.manual_seed(0)
    data = Data(image_size=side or tiny_side)
    made = network.build(Model(name, {**values, **config}), data, ("a", "b", "c"))
    for module in made.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum = None  # the statistics of all batches so far
    with torch.no_grad():
        for each in made.parameters():
            each.add_(torch.randn_like(each) * 0.1)
        made.train()(images(data.side))
    return made.eval()


def images(side: int, number: int = 3) -> Tensor:
    return torch.randn(number, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("name", "side", "layer"),
    [
        ("ResNetForImageClassification", 32, "model.resnet.encoder.stages.1"),
        ("RegNetForImageClassification", 32, "model.regnet.encoder.stages.1"),
        ("MobileNetV1ForImageClassification", 96, "model.mobilenet_v1.layer.25"),
        ("MobileNetV2ForImageClassification", 96, "model.mobilenet_v2.conv_1x1"),
        ("EfficientNetForImageClassification", 96, "model.efficientnet.encoder.top_activation"),
        ("SwiftFormerForImageClassification", 96, "model.norm"),
    ],
)
def test_without_a_norm_after_the_pooling_the_map_is_grad_cam_without_relu(name: str, side: int, layer: str) -> None:
    net, batch = build(name, side), images(side)
    with torch.no_grad():
        logits, heatmaps = Explained(net, batch)(batch)
    attributions = LayerGradCam(net, net.get_submodule(layer)).attribute(batch, logits.argmax(1))
    assert heatmaps.amax() == 1
    torch.testing.assert_close(heatmaps, scale(attributions.detach().flatten(1)).view_as(heatmaps), rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    "name", ["ConvNextForImageClassification", "LevitForImageClassificationWithTeacher", "SwinForImageClassification"]
)
def test_the_mean_of_a_class_activation_map_is_the_logit_but_for_a_constant(name: str) -> None:
    net, batch = build(name, 128), images(128)
    logits, recorded = record(net, batch)
    tensors = {each.place: each.returned for each in recorded}
    compute = ActivationMap(find_readouts(logits, recorded))
    for label in range(3):
        chosen = torch.eye(3)[label].expand(3, 3)  # as if every image had been predicted to be of this class
        constants = logits[:, label] - compute(tensors, chosen).mean(1)
        torch.testing.assert_close(constants, constants[:1].expand(3), rtol=1e-3, atol=1e-3)
        assert logits[:, label].std() > 1e-3


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("ViTForImageClassification", [0]),
        ("DeiTForImageClassification", [0]),
        ("DeiTForImageClassificationWithTeacher", [0, 1]),
        ("BeitForImageClassification", range(1, 17)),
        ("SiglipForImageClassification", range(16)),
    ],
)
def test_the_rollout_is_the_product_of_the_attention_of_all_layers(name: str, read: list[int]) -> None:
    deep = {"num_hidden_layers": 3}
    config = {"vision_config": TINY[name][0]["vision_config"] | deep} if "vision_config" in TINY[name][0] else deep
    net, batch = build(name, **config), images(32)
    explained = Explained(net, batch)
    with torch.no_grad():
        logits, heatmaps = explained(batch)
        outputs = net.model(pixel_values=batch, output_attentions=True)
    rollout = torch.eye(outputs.attentions[0].shape[-1]).expand(3, -1, -1)
    for attention in outputs.attentions:
        mixed = attention.mean(1) + torch.eye(attention.shape[-1])
        rollout = mixed / mixed.sum(-1, keepdim=True) @ rollout
    expected = rollout[:, list(read), -16:].mean(1)
    assert len(outputs.attentions) == 3
    assert heatmaps.amax() == 1
    torch.testing.assert_close(heatmaps, scale(expected).view(3, 4, 4), rtol=0, atol=1e-3)
    torch.testing.assert_close(logits, outputs.logits, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "name", ["SwinForImageClassification", "HieraForImageClassification", "FocalNetForImageClassification"]
)
def test_the_positions_of_tokens_are_rows_from_top_to_bottom(name: str) -> None:
    side = TINY[name][1]
    net, batch = build(name), images(side, 1)
    changed = batch.clone()
    changed[:, :, : side // 4, -side // 4 :] += 1  # the upper right corner
    recorded = [{each.place: each.returned for each in record(net, each)[1]} for each in (batch, changed)]
    (readout,) = find_readouts(*record(net, torch.cat([batch, changed])))
    before, after = (readout.features.positions(tensors[readout.features.place]) for tensors in recorded)
    differences = (after - before).abs().sum((0, 2)).unflatten(0, (8, 8))
    corner = differences[:2, -2:].mean()
    assert corner > 2 * (differences.sum() - differences[:2, -2:].sum()) / 60


class MaxPool(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3)
        self.head = nn.Linear(8, 3)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.convolution(images).relu().amax((2, 3)))
        return logits


class MeanPool(MaxPool):
    """The activation changes the output of the convolution in place, and is no module."""

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.convolution(images).relu_().mean((2, 3)))
        return logits


@pytest.mark.parametrize(
    ("net", "side", "fact"),
    [
        (Network(MaxPool()), 32, "one linear layer"),
        (Network(MeanPool()), 32, "one linear layer"),
        (build("PPLCNetForImageClassification", 96), 96, "one linear layer"),  # an activation inside the head
        (build("Dinov2ForImageClassification"), 32, "one linear layer"),  # the class token beside the mean
        (build("PvtForImageClassification"), 64, "class token"),  # attention between all tokens only in the last stage
        (build("LevitForImageClassification"), 64, "larger data.image_size"),
    ],
)
def test_other_networks_are_refused(net: Network, side: int, fact: str) -> None:
    with pytest.raises(NotExplainable, match=fact):
        Explained(net, images(side))


class OwnActivation(MaxPool):
    """A network of a user: the activation is a module, and the classes are convolved before the pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.activation = nn.ReLU(inplace=True)
        self.classes = nn.Conv2d(8, 3, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.classes(self.activation(self.convolution(images))).mean((2, 3))


def test_a_network_of_ones_own_is_explained_by_its_structure() -> None:
    batch = images(8)
    net = Network(OwnActivation())
    explained = Explained(net, batch)
    with torch.no_grad():
        logits, heatmaps = explained(batch)
        maps = net.model.classes(net.model.activation(net.model.convolution(batch)))
    expected = maps[torch.arange(3), logits.argmax(1)]
    torch.testing.assert_close(heatmaps, scale(expected.flatten(1)).view(3, 6, 6))
    assert explained.describe() == {
        "method": ActivationMap.method,
        "source": ActivationMap.source,
        "output": "heatmap",
        "grid": [6, 6],
    }
    assert AttentionRollout.method != ActivationMap.method


def test_a_map_is_scaled_for_each_image_and_a_constant_one_is_zero() -> None:
    maps = torch.tensor([[-1.0, 0.0, 3.0], [5.0, 5.0, 5.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0001]])
    first, constant, zero, faint = scale(maps)
    assert first.tolist() == [0, 0.25, 1]
    assert constant.tolist() == zero.tolist() == [0, 0, 0]
    assert 0 < faint[2] < 0.2
