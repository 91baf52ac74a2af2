/** Images that are tried on models: one request for each image and model, one after the other. No DOM. */
import { imageProblem, MAX_IMAGE_BYTES, TOO_LARGE } from "./words.js";

const UNREADABLE = "The browser cannot read this. To try a folder, choose the images in it.";

export class Trial {
  /** {name, file, outcomes}, the newest first. `outcomes` has the {answer} or the {problem} by the path of the model. */
  images = [];
  /** Why a model cannot be tried, by its path. */
  refusals = new Map();
  #post;
  #changed;
  #paths = [];
  #isBusy = false;

  /** `post(path, form)` asks REST. `changed(image)` is called after each outcome, and `changed()` after a refusal. */
  constructor({ post, changed }) {
    this.#post = post;
    this.#changed = changed;
  }

  /** Try more images. Resolves when no image is left. */
  add(files) {
    const added = files.map((file) => ({ name: file.name, file, outcomes: new Map() }));
    this.images = [...added, ...this.images];
    return this.#work();
  }

  clear() {
    this.images = [];
  }

  /** Try all images on the models with these paths, unless that is done. A model that was refused is asked again. */
  choose(paths) {
    this.#paths = paths;
    this.refusals.clear();
    return this.#work();
  }

  get numWaiting() {
    return this.images.filter((image) => this.#nextPath(image) !== undefined).length;
  }

  #nextPath({ outcomes }) {
    return this.#paths.find((path) => !outcomes.has(path) && !this.refusals.has(path));
  }

  async #work() {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      const next = () => this.images.find((image) => this.#nextPath(image) !== undefined);
      for (let image = next(); image !== undefined; image = next()) await this.#try(image, this.#nextPath(image));
    } finally {
      this.#isBusy = false;
    }
  }

  async #try(image, path) {
    const { refusal, ...outcome } = await this.#predict(image, path);
    if (refusal !== undefined) {
      this.refusals.set(path, refusal);
      this.#changed();
    } else {
      image.outcomes.set(path, outcome);
      this.#changed(image);
    }
  }

  async #predict({ name, file }, path) {
    if (file.size > MAX_IMAGE_BYTES) return { problem: TOO_LARGE };
    const content = await file.arrayBuffer().catch(() => null); // A folder, or a file that has gone.
    if (content === null) return { problem: UNREADABLE };
    const form = new FormData();
    form.append("image", new Blob([content]), name);
    try {
      return { answer: await this.#post(path, form) };
    } catch (error) {
      if (error.problem === undefined) throw error;
      const problem = imageProblem(error.problem);
      return problem === null ? { refusal: error.problem.message } : { problem };
    }
  }
}
