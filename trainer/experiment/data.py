"""The section `data` of an experiment file, as in trainer.experiment.sections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from trainer.dataset.splits import VAL_SHARE
from trainer.experiment.schema import between, parameter


@dataclass(frozen=True)
class Augmentation:
    """Random changes of the training images, different for each image. Zero and false = none.

    They are applied in this order (colours in any order) to images of data.image_size. Pixels from outside the image
    get the colour of its edge.
    """

    crop: float = parameter(
        0.0,
        between(0, 0.95),
        doc="a random part of the image is enlarged to full size. Up to this share of the area is cut away. The aspect"
        " ratio of the part is from 3:4 to 4:3",
    )
    rotation_deg: float = parameter(0.0, between(0, 180), doc="rotated by up to this many degrees in either direction")
    translation: float = parameter(
        0.0, between(0, 0.5), doc="moved by up to this share of the image size in each direction"
    )
    scale: float = parameter(0.0, between(0, 0.5), doc="enlarged or reduced by up to this share")
    horizontal_flip: bool = parameter(False, doc="half of the images are mirrored left to right")
    vertical_flip: bool = parameter(False, doc="half of the images are mirrored top to bottom")
    brightness: float = parameter(0.0, between(0, 1), doc="made brighter or darker by up to this share")
    contrast: float = parameter(0.0, between(0, 1), doc="contrast raised or lowered by up to this share")
    saturation: float = parameter(0.0, between(0, 1), doc="saturation raised or lowered by up to this share. RGB only")
    erasing: float = parameter(
        0.0,
        between(0, 1),
        doc="share of the images in which a random rectangle of 2% to 33% of the area gets the mean colour",
    )


@dataclass(frozen=True)
class Mixing:
    """Each training image is mixed with another of its batch, and its label too. With both set, each batch uses one.

    train/acc then counts the class with the larger share.
    """

    mixup_alpha: float = parameter(
        0.0, between(0, 10), doc="mixup with a share drawn from Beta(alpha, alpha). 0 = none"
    )
    cutmix_alpha: float = parameter(
        0.0,
        between(0, 10),
        doc="cutmix: a rectangle comes from the other image, its share drawn in the same way. 0 = none",
    )


@dataclass(frozen=True)
class Data:
    """How images become batches. A start names the folders themselves."""

    image_size: int | None = parameter(
        None,
        between(1, 2048),
        doc="side in pixels of the square to which every image is resized. null = the pretrained model's size,"
        " else 224",
    )
    channels: int = parameter(3, between(1, 3), doc="1 = grey, 3 = RGB")
    batch_size: int = parameter(32, between(1, 65_536), doc="images per step, of all devices together")
    num_workers: int = parameter(
        0,
        between(0, 64),
        doc="number of loader processes. 0 = the training process makes the batches itself, which is fast"
        " enough with data.cache",
    )
    cache: bool = parameter(
        True,
        doc="true = images are decoded and resized once, for all trainings on the same images. false = they are"
        " decoded in each epoch",
    )
    cache_max_gb: float = parameter(
        20.0,
        between(0, 100_000),
        doc="GB (10^9 bytes) for all cached images. The least recently used are removed first. Images that do"
        " not fit, or would leave less than 1 GB of the disk, are decoded in each epoch. An image of 224 x"
        " 224 RGB pixels takes 0.15 MB",
    )
    val_share: float = parameter(
        VAL_SHARE,
        between(0.01, 0.9),
        doc="without a val folder: share of the train images of each class that is split off for validation",
    )
    test_share: float = parameter(
        0.0,
        between(0, 0.9),
        doc="without a test folder: share of the train images of each class that is split off for the test. 0 ="
        " the model is not tested, and its report is on the val images",
    )
    mean: tuple[float, ...] | None = parameter(
        None,
        doc="mean per channel, of pixel values from 0 to 1. null = the pretrained model's, else measured on at"
        " most 2,000 train images",
    )
    std: tuple[float, ...] | None = parameter(
        None, doc="standard deviation per channel, greater than 0. null = as for mean"
    )
    value_range: tuple[float, ...] | None = parameter(
        None,
        doc="[low, high] of images with more than 8 bits per channel. low and less become black, high and more"
        " become white. null = found from all images, so that nothing is cut off. Images of 8 bits stay as"
        " they are",
    )
    skip_unreadable: bool = parameter(
        False,
        doc="true = train without the images that cannot be read. The log, the report and the model card say"
        " how many. false = such an image ends the training",
    )
    sampling: Literal["shuffled", "balanced"] = parameter(
        "shuffled",
        doc="shuffled = every train image once an epoch. balanced = as many images, drawn from every class"
        " equally often, so images of small classes come more than once",
    )
    augmentation: Augmentation = parameter(Augmentation(), doc="random changes of the training images")
    mixing: Mixing = parameter(Mixing(), doc="training images mixed with each other")

    @property
    def side(self) -> int:
        """The image size in pixels; of a pretrained model only after trainer.network.preprocessing filled it in."""
        return 224 if self.image_size is None else self.image_size

    def problems(self) -> Iterator[tuple[str, str]]:
        if self.channels == 2:
            yield "channels", "must be 1 (grey) or 3 (RGB)"
        if self.augmentation.crop and self.side * ((1 - self.augmentation.crop) * 3 / 4) ** 0.5 < 2:
            yield "augmentation.crop", f"would leave less than 2 pixels a side of images of {self.side}"
        if self.channels == 1 and self.augmentation.saturation:
            yield "augmentation.saturation", "must be 0 with data.channels 1: grey has no saturation"
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values is not None and len(values) != self.channels:
                yield name, f"must have as many values as data.channels ({self.channels})"
        if self.val_share + self.test_share > 0.95:
            yield (
                "test_share",
                "must leave some train images: data.val_share and data.test_share are at most 0.95 together",
            )
        if (self.mean is None) != (self.std is None):
            yield "mean" if self.mean is None else "std", "must be given too: mean and std belong together"
        if self.mean is not None and not all(0 <= each <= 1 for each in self.mean):
            yield "mean", "must be from 0 to 1, as pixel values are (divide by 255)"
        if self.std is not None and not all(0 < each <= 1 for each in self.std):
            yield "std", "must be greater than 0 and at most 1, as pixel values are from 0 to 1 (divide by 255)"
        if self.value_range is not None and not (
            len(self.value_range) == 2 and self.value_range[0] < self.value_range[1]
        ):
            yield "value_range", "must be two numbers, the lower one first"
