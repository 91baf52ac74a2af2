/** The models: what each can do, and how to use it. */
import { byId, make, setText, whenChanged } from "../dom.js";
import { bytes, experimentName, metric, percentage, shortMoment } from "../format.js";
import { pathOfRun } from "../router.js";
import { snippetFor } from "../snippet.js";
import { copyable } from "./copyable.js";

export const renderModels = whenChanged(
  (state) => [state.models],
  ({ models }) => {
    byId("no-models").hidden = models === null || models.length > 0;
    setText(byId("models-count"), models?.length ? `${models.length} ${models.length === 1 ? "model" : "models"}` : "");
    byId("models").replaceChildren(...(models ?? []).map(card));
  },
);

const downloadPath = ({ run_id }) => `/training/models/${encodeURIComponent(run_id)}/download`;

function card(model) {
  const download = make("a", { text: "Download", href: downloadPath(model), className: "button small", download: "" });
  download.setAttribute("aria-label", `Download ${model.model_name} of ${model.run_id}`);
  const name = make("h2", {}, make("a", { text: model.model_name, href: pathOfRun(model.run_id) }));
  const about = [model.dataset_name, experimentName(model.config_name), shortMoment(startOf(model.run_id))].filter(Boolean).join("  ·  ");
  return make(
    "li",
    { className: "model" },
    make("div", { className: "model-name" }, name, make("p", { text: about, className: "quiet small" })),
    figures(model),
    download,
    make("details", {}, make("summary", { text: "Use it in Python" }), ...use(model)),
  );
}

function figures(model) {
  const told = [
    accuracyOf(model),
    ["Size", bytes(model.size_bytes)],
    ["Input", inputOf(model)],
    ["Classes", Array.isArray(model.class_names) ? String(model.class_names.length) : null],
  ];
  const shown = told.filter(([, value]) => value !== null);
  return make("dl", { className: "facts" }, ...shown.map(([name, value]) => make("div", {}, make("dt", { text: name }), make("dd", { text: value }))));
}

function accuracyOf({ test_metrics }) {
  const [name, value] = Object.entries(test_metrics ?? {}).find(([each]) => /acc/i.test(each)) ?? Object.entries(test_metrics ?? {})[0] ?? [];
  if (!Number.isFinite(value)) return ["Accuracy", null];
  return /acc/i.test(name) ? ["Test accuracy", percentage(value)] : [name, metric(value)];
}

function inputOf({ input_shape }) {
  return Array.isArray(input_shape) ? input_shape.slice(1).join(" × ") : null;
}

/** The run's id is the time of its start. */
function startOf(runId) {
  const [, day, time] = /^(\d{4}-\d\d-\d\d)_(\d\d-\d\d-\d\d)/.exec(runId) ?? [];
  return day === undefined ? null : `${day}T${time.replaceAll("-", ":")}`;
}

function use(model) {
  const snippet = snippetFor(model);
  const parts = snippet === null ? [] : [copyable("pre", snippet, "Copy")];
  if (typeof model.sha256 === "string") parts.push(make("p", { className: "small quiet", text: "SHA-256 of the file" }), copyable("code", model.sha256, "Copy"));
  return parts;
}
