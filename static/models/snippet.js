/** A complete Python program that uses a model. Pure. */

const MODES = { 1: "L", 3: "RGB" };

/**
 * A program for onnxruntime that prepares an image as the training did and runs the ONNX file; null if the model card does
 * not say how. A model that includes its preprocessing takes pixels as they are. A value range is for images with more than
 * 8 bits per channel.
 */
export function snippetFor({ class_names, mean, std, input_shape, value_range, includes_preprocessing }, fileName) {
  const [, channels, height, width] = input_shape ?? [];
  const isKnown =
    channels in MODES && [width, height].every(Number.isInteger) && [class_names, mean, std].every(Array.isArray);
  if (!isKnown) return null;
  const parts = includes_preprocessing ? withPreprocessing(channels) : withoutPreprocessing(channels, mean, std);
  return [
    "import numpy as np",
    "import onnxruntime",
    "from PIL import Image",
    "",
    `CLASSES = ${JSON.stringify(class_names)}`,
    ...parts.constants,
    "",
    `image = Image.open("image.png")`,
    ...(Array.isArray(value_range) ? toEightBits(value_range) : []),
    `image = image.convert("${MODES[channels]}").resize((${width}, ${height}), Image.Resampling.BILINEAR)`,
    ...parts.batch,
    "",
    `session = onnxruntime.InferenceSession(${JSON.stringify(fileName)})`,
    ...parts.run,
    `print(CLASSES[probabilities.argmax()], probabilities.max())`,
  ].join("\n");
}

const toEightBits = ([low, high]) => [
  `if image.mode.startswith(("I", "F")):  # more than 8 bits per channel: ${low} is black, ${high} is white`,
  `    values = (np.asarray(image, np.float64) - ${low}) * (255 / ${high - low})`,
  `    image = Image.fromarray(np.rint(values.clip(0, 255)).astype(np.uint8))`,
];

const channelsFirst = (channels, pixels) => (channels === 1 ? `${pixels}[None]` : `${pixels}.transpose(2, 0, 1)`);

function withPreprocessing(channels) {
  return {
    constants: [],
    batch: [`batch = ${channelsFirst(channels, "np.asarray(image)")}[None]  # uint8: the model normalises it`],
    run: [`[[probabilities]] = session.run(["probabilities"], {"input": batch})`],
  };
}

function withoutPreprocessing(channels, mean, std) {
  return {
    constants: [
      `MEAN = np.array(${JSON.stringify(mean)}, np.float32).reshape(-1, 1, 1)`,
      `STD = np.array(${JSON.stringify(std)}, np.float32).reshape(-1, 1, 1)`,
    ],
    batch: [
      `pixels = np.asarray(image, np.float32) / 255`,
      `batch = ((${channelsFirst(channels, "pixels")} - MEAN) / STD)[None]`,
    ],
    run: [
      `[[logits]] = session.run(["logits"], {"input": batch})`,
      `probabilities = np.exp(logits - logits.max())`,
      `probabilities /= probabilities.sum()`,
    ],
  };
}
