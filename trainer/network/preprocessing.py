"""What a pretrained model was trained on, from its preprocessor_config.json: image size, mean and std."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from transformers import AutoConfig
from transformers.image_processing_base import ImageProcessingMixin

from trainer.experiment.data import Data
from trainer.experiment.experiment import ExperimentInvalid
from trainer.experiment.sections import Model
from trainer.network.pretrained import place_of


def resolve(model: Model, data: Data) -> Data:
    """Fill in what `data` leaves open from the preprocessing of a pretrained model; any other gets 224 pixels.

    A model without a preprocessor_config.json still knows its image size; its mean and std stay open, to be measured.
    Raises ExperimentInvalid where the file's values cannot be used here.
    """
    if model.pretrained is None:
        return replace(data, image_size=data.side)
    place = place_of(model.pretrained)
    try:
        found, _ = ImageProcessingMixin.get_image_processor_dict(place)
    except OSError:  # there is none
        found = {}
    try:
        size = data.image_size or _size(found) or _size_of_config(place) or data.side
        mean, std = data.mean, data.std
        if mean is None and "image_mean" in found and "image_std" in found:
            mean, std = _mean_std(found, data.channels)
        return replace(data, image_size=size, mean=mean, std=std)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        problem = f"its preprocessor_config.json cannot be used ({error}); set data.image_size, data.mean and data.std"
        raise ExperimentInvalid({"model.pretrained": [problem]}) from error


def _size(found: dict[str, Any]) -> int | None:
    size = found["crop_size"] if found.get("do_center_crop") and "crop_size" in found else found.get("size")
    if isinstance(size, dict):
        sides = set(size.values())
        if len(sides) != 1 or not set(size) <= {"height", "width", "shortest_edge"}:
            raise ValueError(f"its images are no squares: {size}")
        (size,) = sides
    return None if size is None else int(size)


def _size_of_config(place: str) -> int | None:
    size = getattr(AutoConfig.from_pretrained(place, trust_remote_code=False), "image_size", None)
    return size if isinstance(size, int) else None


def _mean_std(found: dict[str, Any], channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std of pixel values from 0 to 1, which are p / 255; its own are of p * factor - offset."""
    mean, std = found["image_mean"], found["image_std"]
    if not found.get("do_normalize", True):
        mean, std = [0.0] * channels, [1.0] * channels
    factor = float(found.get("rescale_factor", 1 / 255)) * 255 if found.get("do_rescale", True) else 255.0
    offset = 1.0 if found.get("rescale_offset") else 0.0
    mean = _of_channels([(float(each) + offset) / factor for each in mean], channels)
    std = _of_channels([float(each) / factor for each in std], channels)
    if min(std) <= 0:
        raise ValueError(f"image_std {found['image_std']}")
    return mean, std


def _of_channels(values: list[float], channels: int) -> tuple[float, ...]:
    if len(values) == channels:
        return tuple(values)
    if len(values) not in (1, 3):
        raise ValueError(f"{len(values)} channels")
    return (sum(values) / len(values),) * channels
