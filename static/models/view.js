/** The models: how good each one is, and how to use it. */

import { choice } from "../choice.js";
import { byId, make, setText } from "../dom.js";
import { bytes, counted, experimentName, shortTime } from "../format.js";
import { accuracyOf, byRun, canTry, filesOf, MAX_SHOWN, NOT_TESTED } from "../models.js";
import { pathOfRun, pathOfTrial } from "../router.js";
import { copyable } from "../views/copyable.js";
import { downloadLink, modelFiles } from "../views/modelfiles.js";
import { snippetFor } from "./snippet.js";

export function createView({ api, attempt }) {
  let shown = null;

  async function refresh() {
    await attempt(async () => {
      const { models_info: models } = await api.get(`training/models?limit=${MAX_SHOWN}`);
      const now = JSON.stringify(models);
      if (now !== shown) render(models);
      shown = now;
    });
  }

  return { open: refresh, refresh };
}

function render(models) {
  byId("no-models").hidden = models.length > 0;
  byId("models-loading").hidden = true;
  const number = counted(models.length, "model");
  setText(byId("models-count"), models.length === MAX_SHOWN ? `The newest ${number}` : models.length ? number : "");
  byId("models").replaceChildren(...byRun(models).map(card));
}

/** The models of one run. The first one is shown in full. */
function card(models) {
  const [model] = models;
  const name = make("h2", {}, make("a", { text: model.model_name, href: pathOfRun(model.run_id) }));
  const about = [model.dataset_name, model.config_name && experimentName(model.config_name), model.run_id]
    .filter(Boolean)
    .join("  ·  ");
  const files = filesOf(models);
  const needsTable = files.length > 1 || files[0].problem !== null;
  return make(
    "li",
    { className: "model" },
    make("div", { className: "model-name" }, name, make("p", { text: about, className: "quiet small" })),
    figures(model, files[0]),
    make(
      "div",
      { className: "actions" },
      canTry(models) ? tryLink(model) : "",
      files[0].problem === null ? downloadLink(files[0], "button small") : "",
    ),
    needsTable ? make("div", { className: "scroll variants" }, modelFiles(files)) : "",
    ...use(files.filter(({ problem }) => problem === null)),
  );
}

function tryLink({ run_id }) {
  const link = make("a", { text: "Try it", href: pathOfTrial(run_id), className: "button small" });
  link.setAttribute("aria-label", `Try it: model of ${run_id}`);
  return link;
}

function figures(model, { size, modifiedAt }) {
  const [name, result] = accuracyOf(model);
  const all = [
    [name, model.is_verified || result !== NOT_TESTED ? result : null],
    ["Size", bytes(size)],
    ["Modified", model.is_verified ? null : shortTime(modifiedAt)],
    ["Input", inputOf(model)],
    ["Classes", Array.isArray(model.class_names) ? String(model.class_names.length) : null],
  ];
  const shown = all.filter(([, value]) => value !== null);
  return make(
    "dl",
    { className: "facts" },
    ...shown.map(([title, value]) =>
      make(
        "div",
        {},
        make("dt", { text: title }),
        make("dd", { text: value, className: value === NOT_TESTED ? "untested" : "" }),
      ),
    ),
  );
}

function inputOf({ input_shape }) {
  return Array.isArray(input_shape) ? input_shape.slice(1).join(" × ") : null;
}

/** How to use the files, if anything is known about that: a program for the chosen file, and the checksum of that file. */
function use(files) {
  const known = files.filter((file) => programOf(file).length > 0);
  if (known.length === 0) return [];
  const container = make("div", { className: "use" });
  const show = (file) => container.replaceChildren(...programOf(file));
  show(known[0]);
  const select = choice(
    `File of ${known[0].model.run_id}`,
    Object.fromEntries(known.map(({ title }) => [title, title])),
    known[0].title,
    (title) => show(known.find((file) => file.title === title)),
  );
  const title = known.some(({ model }) => model.is_verified) ? "Use it in Python" : "Checksum";
  return [make("details", {}, make("summary", { text: title }), known.length > 1 ? select : "", container)];
}

/** Only our own trainer's models have the inputs and outputs that the program names. */
function programOf({ model, name, sha256 }) {
  const snippet = model.is_verified ? snippetFor(model, name) : null;
  const parts = snippet === null ? [] : [copyable("pre", snippet, "Copy")];
  if (typeof sha256 === "string")
    parts.push(make("p", { className: "small quiet", text: `SHA-256 of ${name}` }), copyable("code", sha256, "Copy"));
  return parts;
}
