"""Tiny models that look pretrained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import transformers

CONFIGS: dict[str, Any] = {
    "vit": transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, patch_size=4
    ),
    "convnext": transformers.ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, patch_size=2),
    "resnet": transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8], depths=[1], layer_type="basic"),
}


def save_pretrained(folder: Path, name: str, image_size: int = 16, **preprocessing: Any) -> Path:
    """Save a model with two classes and three channels. `preprocessing` replaces values in preprocessor_config."""
    config = CONFIGS[name]
    config.update({"image_size": image_size, "num_channels": 3, "id2label": {0: "cat", 1: "dog"}})
    transformers.AutoModelForImageClassification.from_config(config).save_pretrained(folder)
    size = {"height": image_size, "width": image_size}
    content = {"size": size, "image_mean": [0.4, 0.5, 0.6], "image_std": [0.5, 0.5, 0.5], **preprocessing}
    (folder / "preprocessor_config.json").write_text(json.dumps(content))
    return folder
