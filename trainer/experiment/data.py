"""The section `data` of an experiment file, as in trainer.experiment.sections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from trainer.dataset.splits import VAL_SHARE
from trainer.experiment.schema import between, parameter


@dataclass(frozen=True)
class Augmentation:
    """Random changes of the training images, each image its own; zero and false = none.

    They happen in this order (colours in any), to images of data.image_size. What comes in from outside is edge colour.
    """

    crop: float = parameter(
        0.0,
        between(0, 0.95),
        doc="a random part, from 3:4 to 4:3 in shape, that lacks up to this share of the area, enlarged to the whole",
    )
    rotation_deg: float = parameter(0.0, between(0, 180), doc="turned by up to so many degrees either way")
    translation: float = parameter(0.0, between(0, 0.5), doc="moved by up to this share of the image size, each way")
    scale: float = parameter(0.0, between(0, 0.5), doc="made larger or smaller by up to this share")
    horizontal_flip: bool = parameter(False, doc="mirrored left to right, every second image")
    vertical_flip: bool = parameter(False, doc="mirrored top to bottom, every second image")
    brightness: float = parameter(0.0, between(0, 1), doc="made brighter or darker by up to this share")
    contrast: float = parameter(0.0, between(0, 1), doc="contrast made stronger or weaker by up to this share")
    saturation: float = parameter(
        0.0, between(0, 1), doc="colours made stronger or weaker by up to this share; RGB only"
    )
    erasing: float = parameter(
        0.0,
        between(0, 1),
        doc="share of the images in which a random rectangle, 2 to 33 % of the area, gets the mean colour",
    )


@dataclass(frozen=True)
class Mixing:
    """Training images mixed with others of their batch, labels likewise; with both set, each batch by one of them.

    train/acc then counts the class with the larger share.
    """

    mixup_alpha: float = parameter(0.0, between(0, 10), doc="mixup by a share drawn from Beta(alpha, alpha); 0 = none")
    cutmix_alpha: float = parameter(
        0.0, between(0, 10), doc="cutmix: a rectangle of the other image, its share drawn likewise; 0 = none"
    )


@dataclass(frozen=True)
class Data:
    """How images become batches. The folders themselves are given at the start of a run."""

    image_size: int | None = parameter(
        None,
        between(1, 2048),
        doc="pixels; every image is resized to a square of this side; null = the pretrained model's, else 224",
    )
    channels: int = parameter(3, between(1, 3), doc="1 = grey, 3 = RGB")
    batch_size: int = parameter(32, between(1, 65_536), doc="images per step, those of all devices together")
    num_workers: int = parameter(
        0,
        between(0, 64),
        doc="loader processes; 0 = batches are made by the training process, which is quick enough with data.cache",
    )
    cache: bool = parameter(
        True,
        doc="images are decoded and resized once, for all trainings on the same images; false = anew in each epoch",
    )
    cache_max_gb: float = parameter(
        20.0,
        between(0, 100_000),
        doc="GB (10^9 bytes) that all cached images may take; what was used longest ago is removed. Images that do not"
        " fit, or would leave less than 1 GB of the disk, are decoded anew in each epoch; an image of 224 x 224 RGB"
        " pixels takes 0.15 MB",
    )
    val_share: float = parameter(
        VAL_SHARE,
        between(0.01, 0.9),
        doc="where there is no val folder: so much of the train images of each class is split off to validate on",
    )
    test_share: float = parameter(
        0.0,
        between(0, 0.9),
        doc="where there is no test folder: so much of the train images of each class is split off to test on; 0 ="
        " none, the model is not tested and its report is on the val images",
    )
    mean: tuple[float, ...] | None = parameter(
        None,
        doc="per channel, of pixel values from 0 to 1; null = the pretrained model's, else measured on train images (at"
        " most 2,000)",
    )
    std: tuple[float, ...] | None = parameter(None, doc="per channel, greater than 0; null = like mean")
    value_range: tuple[float, ...] | None = parameter(
        None,
        doc="[low, high] of images with more than 8 bits per channel: low becomes black, high white, what lies outside"
        " likewise; null = found from the values of all images, so that nothing is cut off. Images of 8 bits stay as"
        " they are",
    )
    skip_unreadable: bool = parameter(
        False,
        doc="true = train without the images that cannot be read; log, report and model card say how many. false = they"
        " end the training",
    )
    sampling: Literal["shuffled", "balanced"] = parameter(
        "shuffled",
        doc="shuffled = every train image once an epoch; balanced = as many draws, every class equally likely, an image"
        " of a small class more than once",
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
