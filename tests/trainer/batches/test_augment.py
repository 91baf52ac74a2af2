from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from trainer.batches.augment import Augment
from trainer.experiment.data import Augmentation
from trainer.experiment.experiment import ExperimentInvalid, parse

EVERYTHING = Augmentation(0.5, 30, 0.2, 0.3, True, True, 0.4, 0.4, 0.4, 0.5)
GREY = dataclasses.replace(EVERYTHING, saturation=0.0)


def augmented(images: Tensor, seed: int = 0, **settings: float) -> Tensor:
    torch.manual_seed(seed)
    augment = Augment(Augmentation(**settings))  # type: ignore[arg-type]
    return augment.erase(augment.transform(images))


def test_without_parameters_images_do_not_change() -> None:
    images = torch.rand(4, 1, 8, 8)
    augment = Augment(Augmentation())
    assert augment.erase(augment.transform(images)) is images


@pytest.mark.parametrize("each", [field.name for field in dataclasses.fields(Augmentation)])
def test_each_parameter_changes_each_image_differently_and_reproducibly(each: str) -> None:
    value = 90 if each == "rotation_deg" else 0.5
    original = torch.rand(1, 3, 16, 16)
    images = original.expand(64, -1, -1, -1).contiguous()
    first = augmented(images, **{each: value})
    assert first.shape == images.shape
    assert torch.equal(images, original.expand_as(images))  # the input is not modified
    # Each image has its own random values. Flips and erasing leave some images unchanged.
    unchanged = sum(torch.allclose(image, original[0], atol=1e-4) for image in first)
    assert unchanged < (50 if each.endswith("flip") or each == "erasing" else 5)
    assert len({tuple(image.flatten().mul(1000).round().tolist()) for image in first}) > (1 if "flip" in each else 10)
    assert torch.equal(augmented(images, **{each: value}), first)
    assert not torch.equal(augmented(images, seed=1, **{each: value}), first)


@pytest.mark.parametrize(("each", "axis"), [("horizontal_flip", 3), ("vertical_flip", 2)])
def test_a_flip_mirrors_about_half_of_the_images(each: str, axis: int) -> None:
    images = torch.rand(200, 1, 8, 8)
    flipped = augmented(images, **{each: True})
    mirrored = (flipped == images.flip(axis)).all((1, 2, 3))
    assert ((flipped == images).all((1, 2, 3)) ^ mirrored).all()
    assert 60 < mirrored.sum() < 140


def test_a_translation_moves_in_all_directions_and_fills_with_the_edge_colour() -> None:
    images = torch.full((64, 1, 9, 9), 0.25)
    images[:, :, 4, 4] = 1
    moved = augmented(images, translation=0.3)
    assert moved.min() > 0.249
    places = moved.flatten(1).argmax(1)
    assert {int(place) // 9 for place in places} >= {2, 3, 4, 5, 6}
    assert {int(place) % 9 for place in places} >= {2, 3, 4, 5, 6}


def test_a_rotation_turns_in_both_directions_up_to_its_limit() -> None:
    images = torch.zeros(64, 1, 33, 33)
    images[:, :, 2, 16] = 1  # straight above the centre
    turned = augmented(images, rotation_deg=45)
    rows, columns = torch.unravel_index(turned.flatten(1).argmax(1), (33, 33))
    angles = torch.atan2(columns - 16.0, 16.0 - rows).rad2deg()
    assert -48 < angles.min() < -30
    assert 30 < angles.max() < 48


def test_a_scale_enlarges_and_shrinks_about_the_centre() -> None:
    images = torch.zeros(64, 1, 40, 40)
    images[:, :, 10:30, 10:30] = 1
    areas = augmented(images, scale=0.5).sum((1, 2, 3)) / 400
    assert 0.2 < areas.min() < 0.5
    assert 1.6 < areas.max() < 2.4


def test_a_crop_keeps_at_least_the_remaining_area() -> None:
    column = torch.linspace(0, 1, 32).expand(64, 1, 32, 32)
    cropped = augmented(column.contiguous(), crop=0.4)
    widths = cropped[:, 0, 16, -1] - cropped[:, 0, 16, 0]
    assert widths.min() > 0.6  # the narrowest has 60% of the area and the ratio 3:4
    assert widths.max() > 0.9
    assert len(cropped[:, 0, 16, 0].unique()) > 5


def test_colours_stay_in_range() -> None:
    jittered = augmented(torch.rand(64, 3, 8, 8), brightness=1, contrast=1, saturation=1)
    assert jittered.min() >= 0
    assert jittered.max() <= 1
    grey = augmented(torch.full((64, 3, 8, 8), 0.5), brightness=0.2, saturation=0.5)
    assert torch.allclose(grey, grey[:, :1, :1, :1].expand_as(grey), atol=1e-5)
    assert 0.4 <= grey.min() < 0.45 < 0.55 < grey.max() <= 0.6


def test_rectangles_are_erased_in_the_given_share_of_images() -> None:
    erased = augmented(torch.ones(400, 3, 20, 20), erasing=0.25)
    assert set(erased.unique().tolist()) == {0, 1}
    assert torch.equal(erased, erased[:, :1].expand_as(erased))
    shares = (erased[:, 0] == 0).float().mean((1, 2))
    assert 60 < (shares > 0).sum() < 140
    assert shares.max() < 0.4


@pytest.mark.parametrize(("channels", "settings"), [(1, GREY), (3, EVERYTHING)])
@pytest.mark.parametrize("side", [1, 5])
@pytest.mark.parametrize("count", [1, 5])
def test_all_augmentations_together_work_on_any_image(
    channels: int, settings: Augmentation, side: int, count: int
) -> None:
    augment = Augment(dataclasses.replace(settings, crop=0.0) if side < 5 else settings)
    for _ in range(5):
        images = augment.erase(augment.transform(torch.rand(count, channels, side, side)))
        assert images.shape == (count, channels, side, side)
        assert images.isfinite().all()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"channels": 1, "augmentation": {"saturation": 0.2}}, "saturation: must be 0 with data.channels 1"),
        (
            {"image_size": 4, "augmentation": {"crop": 0.7}},
            "crop: would leave less than 2 pixels a side of images of 4",
        ),
    ],
)
def test_an_augmentation_that_the_images_do_not_support_is_refused(data: dict[str, object], problem: str) -> None:
    with pytest.raises(ExperimentInvalid, match=f"data.augmentation.{problem}"):
        parse({"model": {"architecture": "ViTForImageClassification"}, "data": data})
