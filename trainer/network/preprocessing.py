"""The preprocessing of a pretrained model, from its preprocessor_config.json: image size, mean and std."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from transformers import AutoConfig
from transformers.image_processing_base import ImageProcessingMixin

from trainer.experiment.data import Data
from trainer.experiment.experiment import ExperimentInvalid
from trainer.experiment.sections import Model
from trainer.network.pretrained import locate


def resolve(model: Model, data: Data) -> Data:
    """Fill in what `data` leaves unset from the preprocessing of a pretrained model. Other models get 224 pixels.

    A model without a preprocessor_config.json still defines its image size. Its mean and std stay unset, to be
    measured. Raises ExperimentInvalid if the file's values cannot be used.
    """
    if model.pretrained is None:
        return replace(data, image_size=data.side)
    location = locate(model.pretrained)
    try:
        config, _ = ImageProcessingMixin.get_image_processor_dict(location)
    except OSError:  # the model has no such file
        config = {}
    try:
        size = data.image_size or _size(config) or _model_size(location) or data.side
        mean, std = data.mean, data.std
        if mean is None and "image_mean" in config and "image_std" in config:
            mean, std = _mean_std(config, data.channels)
        return replace(data, image_size=size, mean=mean, std=std)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        problem = f"its preprocessor_config.json cannot be used ({error}). Set data.image_size, data.mean and data.std"
        raise ExperimentInvalid({"model.pretrained": [problem]}) from error


def _size(config: dict[str, Any]) -> int | None:
    size = config["crop_size"] if config.get("do_center_crop") and "crop_size" in config else config.get("size")
    if isinstance(size, dict):
        sides = set(size.values())
        if len(sides) != 1 or not set(size) <= {"height", "width", "shortest_edge"}:
            raise ValueError(f"its images are not square: {size}")
        (size,) = sides
    return None if size is None else int(size)


def _model_size(location: str) -> int | None:
    size = getattr(AutoConfig.from_pretrained(location, trust_remote_code=False), "image_size", None)
    return size if isinstance(size, int) else None


def _mean_std(config: dict[str, Any], channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and std of pixel values from 0 to 1 (p / 255). The file's are those of p * factor - offset."""
    mean, std = config["image_mean"], config["image_std"]
    if not config.get("do_normalize", True):
        mean, std = [0.0] * channels, [1.0] * channels
    factor = float(config.get("rescale_factor", 1 / 255)) * 255 if config.get("do_rescale", True) else 255.0
    offset = 1.0 if config.get("rescale_offset") else 0.0
    mean = _per_channel([(float(each) + offset) / factor for each in mean], channels)
    std = _per_channel([float(each) / factor for each in std], channels)
    if min(std) <= 0:
        raise ValueError(f"image_std {config['image_std']}")
    return mean, std


def _per_channel(values: list[float], channels: int) -> tuple[float, ...]:
    if len(values) == channels:
        return tuple(values)
    if len(values) not in (1, 3):
        raise ValueError(f"{len(values)} channels")
    return (sum(values) / len(values),) * channels
