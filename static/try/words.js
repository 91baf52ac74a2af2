/** What a trial of a model shows, in words. Pure. */
import { bytes, counted, metric, sentence } from "../format.js";

/** A request may have 64 MiB. 1 MiB is for what it has around the image. */
export const MAX_IMAGE_BYTES = 63 * 1024 * 1024;

export const TOO_LARGE = `Too large. An image may have at most ${bytes(MAX_IMAGE_BYTES)}.`;

/** How an image became the model's input. */
export function preprocessingText({ channels, image_size: size, value_range: range, mean, std }) {
  const deep =
    range === null
      ? ""
      : ` In images with more than 8 bits per channel, ${metric(range[0])} is black and ${metric(range[1])} is white.`;
  return (
    `The model sees each image upright, in ${channels === 1 ? "grey" : "colour"} and resized to ${size} × ${size} pixels. ` +
    `Nothing is cropped, so an image that is not square is distorted.${deep} Its values from 0 to 1 are normalised with ` +
    `mean ${list(mean)} and standard deviation ${list(std)}.`
  );
}

const list = (values) => values.map((value) => String(Number(value.toPrecision(3)))).join(", ");

export function timeText(ms) {
  if (ms >= 999.5) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms < 9.95 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/**
 * What a refusal says about the image; null if it is about the model or the service. A request has one image, so `errors`
 * names no other.
 */
export function imageProblem({ code, errors }) {
  if (code === 413) return TOO_LARGE;
  const reason = code === 422 ? Object.values(errors ?? {}).flat()[0] : undefined;
  return typeof reason === "string" ? sentence(`Cannot be read: ${reason}`) : null;
}

/** How many images there are, and how many of them have no prediction yet. */
export function progressText(numImages, numWaiting) {
  if (numImages === 0) return "";
  return `${counted(numImages, "image")}${numWaiting > 0 ? `, ${numWaiting} to do…` : ""}`;
}
