/** An image that was tried: its picture with the heatmap laid over, and its most probable classes, for each model. */
import { make } from "../dom.js";
import { percentage } from "../format.js";
import { timeText } from "./words.js";

const MAX_SIDE = 640;

let last = null;

/** Draw an image as large as the page shows it. Resolves with a canvas, or null for an image that the browser cannot show. */
export function draw(file) {
  last = Promise.resolve(last).then(() => drawn(file)); // One at a time: a decoded photo can take 200 MB.
  return last;
}

async function drawn(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file); // Upright, and only the first frame, as the model sees it.
  } catch {
    return null;
  }
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = make("canvas", { width, height });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return canvas;
}

/** The parts of an image's entry. `trials` has {title, outcome} for each model; `drawing` is a promise of `draw`. */
export function resultOf(name, drawing, trials) {
  const parts = trials.map(({ title, outcome }) => {
    const heading = trials.length > 1 ? make("p", { text: title, className: "quiet small" }) : "";
    const heatmap = outcome?.answer?.predictions[0].heatmap ?? null;
    return make("div", { className: "trial" }, heading, pictureOf(name, drawing, heatmap), ...partsOf(outcome));
  });
  return [make("h2", { text: name }), make("div", { className: "trials" }, ...parts)];
}

function pictureOf(name, drawing, heatmap) {
  const picture = make("div", { className: "tried-picture" });
  drawing.then((original) => {
    if (original === null) {
      picture.append(make("p", { text: "The browser cannot show this image.", className: "quiet small" }));
      return;
    }
    const { width, height } = original;
    const canvas = make("canvas", { width, height, role: "img", ariaLabel: name });
    canvas.getContext("2d").drawImage(original, 0, 0);
    picture.style.setProperty("--ratio", width / height);
    picture.append(canvas);
    if (heatmap !== null) picture.append(make("img", { src: heatmap, alt: "" }));
  });
  return picture;
}

function partsOf(outcome) {
  if (outcome === undefined) return [];
  if (outcome.problem !== undefined) return [make("p", { text: outcome.problem, className: "field-problem" })];
  const { predictions, duration_ms } = outcome.answer;
  const time = make("p", { text: `Predicted in ${timeText(duration_ms)}`, className: "quiet small" });
  return [make("ol", { className: "probabilities" }, ...predictions[0].classes.map(classOf)), time];
}

function classOf({ name, probability }) {
  const entry = make("li", {}, make("span", { text: name }), make("span", { text: percentage(probability) }));
  entry.style.setProperty("--share", `${100 * probability}%`);
  return entry;
}
