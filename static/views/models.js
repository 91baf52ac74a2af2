/** The models: how good each one is, and how to use it. */

import { choice } from "../choice.js";
import { byId, make, setText, whenChanged } from "../dom.js";
import { bytes, counted, experimentName, metric, percentage, UNKNOWN } from "../format.js";
import { pathOfRun } from "../router.js";
import { snippetFor } from "../snippet.js";
import { copyable } from "./copyable.js";

export const renderModels = whenChanged(
  (state) => [state.models],
  ({ models }) => {
    byId("no-models").hidden = models === null || models.length > 0;
    byId("models-loading").hidden = models !== null;
    setText(byId("models-count"), models?.length ? counted(models.length, "model") : "");
    byId("models").replaceChildren(...(models ?? []).map(card));
  },
);

const NOT_TESTED = "Not tested";

const downloadPath = ({ run_id }, variant) =>
  `training/models/${encodeURIComponent(run_id)}/download${variant ? `?variant=${encodeURIComponent(variant)}` : ""}`;

function card(model) {
  const name = make("h2", {}, make("a", { text: model.model_name, href: pathOfRun(model.run_id) }));
  const about = [model.dataset_name, experimentName(model.config_name), model.run_id].filter(Boolean).join("  ·  ");
  const files = filesOf(model);
  return make(
    "li",
    { className: "model" },
    make("div", { className: "model-name" }, name, make("p", { text: about, className: "quiet small" })),
    figures(model),
    downloadLink(model, files[0], "button small"),
    ...(files.length > 1 ? [make("div", { className: "scroll variants" }, variantsTable(model, files))] : []),
    make(
      "details",
      {},
      make("summary", { text: "Use it in Python" }),
      ...use(
        model,
        files.filter(({ error }) => !error),
      ),
    ),
  );
}

/** The model's file, and then its variants: {variant, title, name, accuracy, size, sha256}, or {variant, title, error}. */
function filesOf(model) {
  const [, accuracy] = accuracyOf(model);
  const own = {
    variant: null,
    title: "as trained",
    name: `${model.model_name}.onnx`,
    accuracy,
    size: model.size_bytes,
    sha256: model.sha256,
  };
  const variants = Array.isArray(model.variants) ? model.variants : [];
  return [
    own,
    ...variants.map((each) => ({
      variant: each.name,
      title: each.name,
      name: `${model.model_name}.${each.name}.onnx`,
      error: each.error,
      accuracy: percentage(each.test_acc),
      size: each.size_bytes,
      sha256: each.sha256,
    })),
  ];
}

function downloadLink(model, { variant, title }, className) {
  const link = make("a", { text: "Download", href: downloadPath(model, variant), className, download: "" });
  link.setAttribute("aria-label", `Download ${model.model_name} of ${model.run_id}${variant ? `, ${title}` : ""}`);
  return link;
}

function variantsTable(model, files) {
  const heading = ([text, className = ""]) => make("th", { text, scope: "col", className });
  const head = [["File"], ["Test accuracy", "number"], ["Size", "number"], ["", ""]];
  const rows = files.map((file) => {
    const name = make("th", { text: file.title, scope: "row" });
    if (file.error)
      return make("tr", {}, name, make("td", { text: `Not available: ${file.error}`, colSpan: 3, className: "quiet" }));
    const figure = (text) => make("td", { text, className: "number" });
    return make(
      "tr",
      {},
      name,
      figure(file.accuracy ?? UNKNOWN),
      figure(bytes(file.size)),
      make("td", {}, downloadLink(model, file)),
    );
  });
  return make("table", {}, make("thead", {}, make("tr", {}, ...head.map(heading))), make("tbody", {}, ...rows));
}

function figures(model) {
  const all = [
    accuracyOf(model),
    ["Size", bytes(model.size_bytes)],
    ["Input", inputOf(model)],
    ["Classes", Array.isArray(model.class_names) ? String(model.class_names.length) : null],
  ];
  const shown = all.filter(([, value]) => value !== null);
  return make(
    "dl",
    { className: "facts" },
    ...shown.map(([name, value]) =>
      make(
        "div",
        {},
        make("dt", { text: name }),
        make("dd", { text: value, className: value === NOT_TESTED ? "untested" : "" }),
      ),
    ),
  );
}

function accuracyOf({ test_metrics }) {
  const [name, value] =
    Object.entries(test_metrics ?? {}).find(([each]) => /acc/i.test(each)) ??
    Object.entries(test_metrics ?? {})[0] ??
    [];
  if (!Number.isFinite(value)) return ["Test accuracy", NOT_TESTED];
  return /acc/i.test(name) ? ["Test accuracy", percentage(value)] : [name, metric(value)];
}

function inputOf({ input_shape }) {
  return Array.isArray(input_shape) ? input_shape.slice(1).join(" × ") : null;
}

/** A program for the chosen file, and the checksum of that file. */
function use(model, files) {
  const container = make("div", { className: "use" });
  const show = (file) => container.replaceChildren(...programOf(model, file));
  show(files[0]);
  if (files.length === 1) return [container];
  const select = choice(
    `File of ${model.run_id}`,
    Object.fromEntries(files.map(({ title }) => [title, title])),
    files[0].title,
    (title) => show(files.find((file) => file.title === title)),
  );
  return [select, container];
}

function programOf(model, { name, sha256 }) {
  const snippet = snippetFor(model, name);
  const parts = snippet === null ? [] : [copyable("pre", snippet, "Copy")];
  if (typeof sha256 === "string")
    parts.push(make("p", { className: "small quiet", text: `SHA-256 of ${name}` }), copyable("code", sha256, "Copy"));
  return parts;
}
