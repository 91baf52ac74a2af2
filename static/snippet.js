/** A ready program that uses a model. Pure. */

const MODES = { 1: "L", 3: "RGB" };

/** Python for onnxruntime that prepares an image as the training did; null for a card that does not say how. */
export function snippetFor({ model_name, class_names, mean, std, input_shape }) {
  const [, channels, height, width] = input_shape ?? [];
  const isKnown = channels in MODES && [class_names, mean, std].every(Array.isArray);
  if (!isKnown) return null;
  const pixels = channels === 1 ? "pixels[None]" : "pixels.transpose(2, 0, 1)";
  return [
    "import numpy as np",
    "import onnxruntime",
    "from PIL import Image",
    "",
    `CLASSES = ${JSON.stringify(class_names)}`,
    `MEAN = np.array(${JSON.stringify(mean)}, np.float32).reshape(-1, 1, 1)`,
    `STD = np.array(${JSON.stringify(std)}, np.float32).reshape(-1, 1, 1)`,
    "",
    `image = Image.open("image.png").convert("${MODES[channels]}").resize((${width}, ${height}), Image.Resampling.BILINEAR)`,
    `pixels = np.asarray(image, np.float32) / 255`,
    `batch = ((${pixels} - MEAN) / STD)[None]  # (1, ${channels}, ${height}, ${width})`,
    "",
    `session = onnxruntime.InferenceSession(${JSON.stringify(`${model_name}.onnx`)})`,
    `[logits] = session.run(["logits"], {"input": batch})`,
    `probabilities = np.exp(logits[0] - logits[0].max())`,
    `probabilities /= probabilities.sum()`,
    `print(CLASSES[probabilities.argmax()], probabilities.max())`,
  ].join("\n");
}
