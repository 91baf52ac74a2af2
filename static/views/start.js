/** The form that starts a training, with the service's answer beside the fields it is about. */
import { byId, make, setText, whenChanged } from "../dom.js";
import { experimentName } from "../format.js";
import { parseOverrides } from "../overrides.js";
import { isActive } from "../state.js";

/** Which field of the form shows the error of a field of the request. */
const FIELD_OF = {
  config_name: "config_name",
  dataset: "dataset",
  train_data_dir: "dataset",
  val_data_dir: "dataset",
  test_data_dir: "dataset",
  model_name: "model_name",
};
const FIELDS = ["config_name", "dataset", "model_name", "overrides"];

export const renderStart = (state) => {
  renderChoices(state);
  proposeLast(state);
  renderForm(state);
};

const renderChoices = whenChanged(
  (state) => [state.choices],
  ({ choices }) => {
    if (choices === null) return;
    const { configs, datasets } = choices;
    fill(byId("config_name"), configs.map((name) => [name, experimentName(name)]), "No experiments found");
    const described = datasets.map(({ dataset_name, class_names }) => [dataset_name, `${dataset_name} (${class_names.length} classes)`]);
    fill(byId("dataset"), [...described, ["", "none"]], "");
    const hint = "No datasets found: the service looks for NAME/{train,val,test}/CLASS in its data folder.";
    setText(byId("dataset-hint"), datasets.length ? "" : hint);
  },
);

let isProposed = false;

/** Propose what was run last, once, unless somebody was faster. */
function proposeLast({ choices, run }) {
  if (isProposed || choices === null || run === null) return;
  isProposed = true;
  const { config_name, dataset, model_name } = run.request;
  if (choices.configs.includes(config_name)) byId("config_name").value = config_name;
  if (choices.datasets.some((each) => each.dataset_name === dataset)) byId("dataset").value = dataset;
  if (model_name) byId("model_name").value = model_name;
}

const renderForm = whenChanged(
  (state) => [state.run, state.start, state.choices, state.isLoaded, state.connection.status],
  ({ run, start, choices, isLoaded, connection }) => {
    byId("start").hidden = isActive(run) || !(isLoaded || connection.status === "refused");
    byId("start-button").disabled = start.isBusy || !choices?.configs.length;
    setText(byId("start-button"), start.isBusy ? "Starting…" : "Start");
    const told = byField(start.problem);
    for (const field of FIELDS) {
      setText(byId(`${field}-problem`), told[field].join(" "));
      byId(field).setAttribute("aria-invalid", String(told[field].length > 0));
    }
    if (told.overrides.length) byId("overrides").closest("details").open = true;
    const isShownAtFields = FIELDS.some((field) => told[field].length > 0) && told.others.length === 0;
    const summary = isShownAtFields ? "Not started: see the fields marked." : (start.problem?.message ?? "");
    byId("start-problem").hidden = start.problem === null;
    setText(byId("start-problem"), summary);
  },
);

/** Sort the service's messages by the form's fields; what has no field of its own is in `others`. */
export function byField(problem) {
  const told = Object.fromEntries([...FIELDS, "others"].map((field) => [field, []]));
  for (const [key, texts] of Object.entries(problem?.errors ?? {})) {
    const isOverride = key === "overrides" || key.startsWith("overrides.");
    const field = isOverride ? "overrides" : (FIELD_OF[key] ?? "others");
    const name = key.replace(/^overrides\.?/, "");
    const text = flat(texts);
    const line = isOverride && name ? `${name}: ${text}` : text;
    if (!told[field].includes(line)) told[field].push(line);
  }
  return told;
}

function flat(texts) {
  if (Array.isArray(texts)) return texts.map(flat).join(" ");
  if (texts !== null && typeof texts === "object") return Object.entries(texts).map(([name, inner]) => `${name}: ${flat(inner)}`).join(" ");
  return String(texts);
}

/** Set the options of a list and keep what was chosen. */
function fill(select, options, whenEmpty) {
  const chosen = select.value;
  const shown = options.length ? options : [["", whenEmpty]];
  select.replaceChildren(...shown.map(([value, text]) => make("option", { value, text })));
  if (chosen && options.some(([value]) => value === chosen)) select.value = chosen;
}

/** `start(request)` and `refuse(problem)` are called when the form is sent. */
export function wireStart({ start, refuse }) {
  byId("start-form").addEventListener("input", () => (isProposed = true));
  byId("start-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const { overrides, problems } = parseOverrides(byId("overrides").value);
    if (problems.length) {
      refuse({ message: "Not started.", errors: { overrides: problems } });
      return;
    }
    start({
      config_name: byId("config_name").value,
      dataset: byId("dataset").value || null,
      model_name: byId("model_name").value.trim() || null,
      overrides,
    });
  });
}
