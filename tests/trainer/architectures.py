"""Tiny configs and image sizes for all image-classification architectures that transformers can build here."""

from __future__ import annotations

from typing import Any

_VIT: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "patch_size": 8,
}
_DINO = {name: value for name, value in _VIT.items() if name != "intermediate_size"} | {"mlp_ratio": 2}

TINY: dict[str, tuple[dict[str, Any], int]] = {
    "BeitForImageClassification": (_VIT, 32),
    "BitForImageClassification": (
        {
            "embedding_size": 32,
            "hidden_sizes": [32, 64],
            "depths": [1, 1],
            "num_groups": 4,
            "layer_type": "preactivation",
        },
        32,
    ),
    "CLIPForImageClassification": ({"vision_config": _VIT}, 32),
    "ConvNextForImageClassification": (
        {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2, "patch_size": 2},
        32,
    ),
    "ConvNextV2ForImageClassification": (
        {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2, "patch_size": 2},
        32,
    ),
    "CvtForImageClassification": ({"embed_dim": [16, 32, 48], "num_heads": [1, 2, 2], "depth": [1, 2, 3]}, 64),
    "Data2VecVisionForImageClassification": (_VIT, 32),
    "DeiTForImageClassification": (_VIT, 32),
    "DeiTForImageClassificationWithTeacher": (_VIT, 32),
    "Dinov2ForImageClassification": (_DINO, 32),
    "Dinov2WithRegistersForImageClassification": (_DINO, 32),
    "DonutSwinForImageClassification": (
        {"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4, "patch_size": 4},
        64,
    ),
    "EfficientNetForImageClassification": ({"width_coefficient": 0.2, "depth_coefficient": 0.2, "hidden_dim": 256}, 64),
    "FocalNetForImageClassification": (
        {"embed_dim": 16, "depths": [1, 1], "focal_levels": [1, 1], "focal_windows": [3, 3], "patch_size": 4},
        64,
    ),
    "HGNetV2ForImageClassification": (
        {
            "stem_channels": [3, 8, 16],
            "hidden_sizes": [32],
            "depths": [1],
            "stage_in_channels": [16],
            "stage_mid_channels": [8],
            "stage_out_channels": [32],
            "stage_num_blocks": [1],
            "stage_downsample": [False],
            "stage_light_block": [True],
            "stage_kernel_size": [3],
            "stage_numb_of_layers": [2],
        },
        64,
    ),
    "HieraForImageClassification": ({"embed_dim": 16, "depths": [1, 1], "num_heads": [1, 2], "num_query_pool": 1}, 64),
    "IJepaForImageClassification": (_VIT, 32),
    "LevitForImageClassification": (
        {
            "hidden_sizes": [32, 48, 64],
            "num_attention_heads": [2, 2, 2],
            "depths": [1, 1, 1],
            "key_dim": [8, 8, 8],
            "drop_path_rate": 0,
        },
        64,
    ),
    "LevitForImageClassificationWithTeacher": (
        {
            "hidden_sizes": [32, 48, 64],
            "num_attention_heads": [2, 2, 2],
            "depths": [1, 1, 1],
            "key_dim": [8, 8, 8],
            "drop_path_rate": 0,
        },
        64,
    ),
    "MetaClip2ForImageClassification": ({"vision_config": _VIT}, 32),
    "MobileNetV1ForImageClassification": ({"depth_multiplier": 0.1}, 64),
    "MobileNetV2ForImageClassification": ({"depth_multiplier": 0.2}, 64),
    "MobileViTForImageClassification": (
        {"hidden_sizes": [16, 24, 32], "neck_hidden_sizes": [8, 16, 16, 24, 24, 32, 64], "num_attention_heads": 2},
        64,
    ),
    "MobileViTV2ForImageClassification": ({"width_multiplier": 0.125}, 64),
    "PerceiverForImageClassificationLearned": (
        {
            "num_latents": 8,
            "d_latents": 16,
            "num_self_attends_per_block": 1,
            "num_self_attention_heads": 2,
            "num_cross_attention_heads": 1,
        },
        32,
    ),
    "PerceiverForImageClassificationFourier": (
        {
            "num_latents": 8,
            "d_latents": 16,
            "num_self_attends_per_block": 1,
            "num_self_attention_heads": 2,
            "num_cross_attention_heads": 1,
        },
        32,
    ),
    "PerceiverForImageClassificationConvProcessing": (
        {
            "num_latents": 8,
            "d_latents": 16,
            "num_self_attends_per_block": 1,
            "num_self_attention_heads": 2,
            "num_cross_attention_heads": 1,
        },
        32,
    ),
    "PoolFormerForImageClassification": ({"hidden_sizes": [16, 16, 32, 32], "depths": [1, 1, 1, 1]}, 64),
    "PPLCNetForImageClassification": ({"scale": 0.25}, 64),
    "PvtForImageClassification": (
        {
            "hidden_sizes": [16, 16, 32, 32],
            "depths": [1, 1, 1, 1],
            "num_attention_heads": [1, 1, 2, 2],
            "mlp_ratios": [2, 2, 2, 2],
        },
        64,
    ),
    "PvtV2ForImageClassification": (
        {
            "hidden_sizes": [16, 16, 32, 32],
            "depths": [1, 1, 1, 1],
            "num_attention_heads": [1, 1, 2, 2],
            "mlp_ratios": [2, 2, 2, 2],
        },
        64,
    ),
    "RegNetForImageClassification": (
        {"embedding_size": 16, "hidden_sizes": [16, 32], "depths": [1, 1], "groups_width": 8},
        32,
    ),
    "ResNetForImageClassification": (
        {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"},
        32,
    ),
    "SegformerForImageClassification": (
        {
            "hidden_sizes": [16, 16, 32, 32],
            "depths": [1, 1, 1, 1],
            "num_attention_heads": [1, 1, 2, 2],
            "mlp_ratios": [2, 2, 2, 2],
        },
        64,
    ),
    "SiglipForImageClassification": ({"vision_config": _VIT}, 32),
    "SwiftFormerForImageClassification": ({"depths": [1, 1, 1, 1], "embed_dims": [16, 24, 32, 48]}, 64),
    "SwinForImageClassification": (
        {"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4, "patch_size": 4},
        64,
    ),
    "Swinv2ForImageClassification": (
        {"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4, "patch_size": 4},
        64,
    ),
    "TextNetForImageClassification": (
        {
            "stem_out_channels": 8,
            "hidden_sizes": [8, 8, 16],
            "conv_layer_kernel_sizes": [[[3, 3]], [[3, 1], [1, 3]]],
            "conv_layer_strides": [[2], [2, 1]],
        },
        64,
    ),
    "ViTForImageClassification": (_VIT, 32),
    "ViTMSNForImageClassification": (_VIT, 32),
}

REFUSED = {
    "ImageGPTForImageClassification": "input_ids",
    "ShieldGemma2ForImageClassification": "input_ids",
    "Siglip2ForImageClassification": "spatial_shapes",
    "DinatForImageClassification": "natten",
    "TimmWrapperForImageClassification": "timm",
}
"""The architectures that the trainer refuses, with a word from the reason."""
