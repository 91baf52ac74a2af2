/** A preview of a dataset: its classes and image counts, some of its images, and the findings of the check. */
import { isUnreachable } from "../api.js";
import { byId, make, setText } from "../dom.js";
import { count, counted } from "../format.js";
import { finding } from "../views/details.js";

const ASK_AGAIN_MS = 1000;

export class DatasetPreview {
  #api;
  #datasets = new Map();
  #shown = null;

  constructor(api) {
    this.#api = api;
  }

  /** Set the datasets that GET /training/datasets lists. */
  setDatasets(datasets) {
    this.#datasets = new Map(datasets.map((dataset) => [dataset.dataset_name, dataset]));
  }

  /** Show a dataset by its name; null hides the preview. */
  async show(name) {
    if (name === this.#shown) return;
    this.#shown = name;
    byId("preview").hidden = name === null;
    byId("preview-classes").replaceChildren();
    byId("preview-findings").replaceChildren();
    if (name === null) return;
    const dataset = this.#datasets.get(name);
    setText(byId("preview-counts"), countsOf(dataset));
    setText(byId("preview-note"), "Checking the images…");
    setText(byId("preview-more"), "");
    const hasImages = dataset === undefined || dataset.train_path !== null;
    await Promise.all([hasImages && this.#showImages(name), this.#showCheck(name)]);
  }

  async #showImages(name) {
    const preview = await this.#get(`training/datasets/${encodeURIComponent(name)}/preview`);
    if (preview === null || this.#shown !== name) return;
    byId("preview-classes").replaceChildren(...preview.classes.map(classOf));
    const others = preview.num_classes - preview.classes.length;
    setText(byId("preview-more"), others > 0 ? `and ${counted(others, "more class", "more classes")}` : "");
  }

  /** Show the check's progress until it has finished, and then its findings. */
  async #showCheck(name) {
    for (let wait = 0; this.#shown === name; wait = 1) {
      const report = await this.#get(`training/datasets/${encodeURIComponent(name)}?wait=${wait}`);
      if (report === null || this.#shown !== name) return;
      const isChecking = report.status === "checking";
      const findings = isChecking ? report.errors : [...report.errors, ...report.warnings];
      byId("preview-findings").replaceChildren(...findings.map(finding));
      const progress = report.total
        ? `${count(report.done)} of ${count(report.total)} images checked…`
        : "Listing the images…";
      setText(
        byId("preview-note"),
        isChecking
          ? progress
          : [findings.length ? "" : "No problems found.", valuesOf(report)].filter(Boolean).join(" "),
      );
      if (!isChecking) return;
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }

  async #get(path) {
    try {
      return await this.#api.get(path);
    } catch (error) {
      if (error.problem === undefined) throw error;
      setText(byId("preview-note"), error.problem.message);
      if (isUnreachable(error.problem)) this.#shown = null; // The next show() asks again.
      return null;
    }
  }
}

/** How a training sees images with more than 8 bits per channel; empty if there are none. */
function valuesOf({ value_range }) {
  if (!value_range) return "";
  const { lowest, highest, low, high, num_images } = value_range;
  return `${counted(num_images, "image has", "images have")} more than 8 bits per channel: values ${lowest} to ${highest}, with ${low} as black and ${high} as white.`;
}

function countsOf(dataset) {
  if (dataset === undefined || dataset.train_path === null) return "";
  const { train, val, test } = dataset.num_images;
  const splits = [
    counted(train, "training image"),
    dataset.val_path === null ? "validation split off" : `${count(val)} validation`,
    dataset.test_path === null ? "no test images" : `${count(test)} test`,
  ];
  const parts = [
    counted(dataset.class_names.length, "class", "classes"),
    splits.join(", "),
    ignoredOf(dataset.ignored),
  ];
  return parts.filter(Boolean).join("  ·  ");
}

/** The number of files that are not images, by extension; empty if there are none. */
function ignoredOf(ignored) {
  const endings = Object.entries(ignored).map(
    ([ending, number]) => `${count(number)} ${ending || "without extension"}`,
  );
  return endings.length ? `ignored: ${endings.join(", ")}` : "";
}

function classOf({ class_name, num_images, images }) {
  const shown = images.map((src) =>
    make("img", { src, alt: "", width: 48, height: 48, loading: "lazy", decoding: "async" }),
  );
  const label = make(
    "p",
    {},
    make("b", { text: class_name }),
    make("span", { text: ` ${count(num_images)}`, className: "quiet" }),
  );
  return make("li", {}, label, make("div", { className: "thumbnails" }, ...shown));
}
