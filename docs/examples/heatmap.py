"""Show what a model looks at: `python heatmap.py MODEL.onnx IMAGE OUT.png`. Needs onnxruntime, numpy and Pillow."""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

model_path, image_path, out_path = sys.argv[1:]

# The file says how to prepare an image, and whether it has a heatmap.
session = onnxruntime.InferenceSession(model_path)
metadata = session.get_modelmeta().custom_metadata_map
facts = {name: json.loads(metadata[name]) for name in ("class_names", "channels", "image_size", "mean", "std")}
if "heatmap" not in [output.name for output in session.get_outputs()]:
    sys.exit("This model has no heatmap. Train it with export.explanation: true.")

# Scale the upright image to a square, then normalise each channel: (1, C, H, W).
image = ImageOps.exif_transpose(Image.open(image_path)).convert("L" if facts["channels"] == 1 else "RGB")
square = np.asarray(image.resize([facts["image_size"]] * 2, Image.Resampling.BILINEAR), np.float32)
pixels = square.reshape(*square.shape[:2], -1).transpose(2, 0, 1)[None]
mean, std = (np.array(facts[name], np.float32).reshape(1, -1, 1, 1) for name in ("mean", "std"))
is_normalised_inside = session.get_inputs()[0].type == "tensor(uint8)"
given = pixels.astype(np.uint8) if is_normalised_inside else (pixels / np.float32(255) - mean) / std
logits, heatmaps = session.run(["logits", "heatmap"], {"input": given})

probabilities = np.exp(logits[0] - logits[0].max())
probabilities /= probabilities.sum()
print(f"{facts['class_names'][probabilities.argmax()]}\t{probabilities.max():.4f}")

# The heatmap covers the whole image. Red is laid on most where it is 1.
opacity = Image.fromarray((heatmaps[0].clip(0, 1) * 160).astype(np.uint8))
opacity = opacity.resize(image.size, Image.Resampling.BICUBIC)
shown = image.convert("RGB")
shown.paste("red", (0, 0), opacity)
shown.save(out_path)
