/** What the page shows of model cards. Pure. */
import { metric, percentage } from "./format.js";

export const NOT_TESTED = "Not tested";
/** The view shows only the newest models, because each takes room on the page and a look at its run. */
export const MAX_SHOWN = 500;

/** The cards of each run, in the order of the list. */
export function byRun(models) {
  const runs = new Map();
  for (const model of models) {
    if (!runs.has(model.run_id)) runs.set(model.run_id, []);
    runs.get(model.run_id).push(model);
  }
  return [...runs.values()];
}

/**
 * The files of a run's models: {model, title, name, path, trial, accuracy, size, modifiedAt, sha256, problem}. `path` is the
 * address of the download. `trial` is that of its predictions, null if it cannot be tried. Our own trainer has one model,
 * perhaps with variants. Another program has a card for each file.
 */
export const filesOf = (models) =>
  models.flatMap((model) => (model.is_verified ? verifiedFiles(model) : [file(model)]));

function verifiedFiles(model) {
  const own = {
    ...file(model),
    title: "as trained",
    name: `${model.model_name}.onnx`,
    ...pathsOf(model.run_id, {}, model.problem === null),
    modifiedAt: null,
  };
  const variants = Array.isArray(model.variants) ? model.variants : [];
  return [own, ...variants.map((each) => variant(model, each))];
}

function variant(model, { name, error, test_acc, size_bytes, sha256 }) {
  return {
    model,
    title: name,
    name: `${model.model_name}.${name}.onnx`,
    ...pathsOf(model.run_id, { variant: name }, !error),
    accuracy: percentage(test_acc),
    size: size_bytes,
    modifiedAt: null,
    sha256,
    problem: error ?? null,
  };
}

function file(model) {
  const parts = model.external_data ?? [];
  const [name, value] = accuracyOf(model);
  return {
    model,
    title: model.file.replace(/^output\//, ""),
    name: model.file.split("/").at(-1),
    ...pathsOf(model.run_id, { file: model.file }, model.problem === null && model.file.endsWith(".onnx")),
    accuracy: value === NOT_TESTED ? null : name === ACCURACY ? value : `${name} ${value}`,
    size: parts.reduce((sum, part) => sum + part.size_bytes, model.size_bytes),
    modifiedAt: model.modified_at,
    sha256: model.sha256,
    problem: model.problem,
  };
}

function pathsOf(runId, query, canBeTried) {
  const path = `training/models/${encodeURIComponent(runId)}`;
  const suffix = Object.keys(query).length ? `?${new URLSearchParams(query)}` : "";
  return { path: `${path}/download${suffix}`, trial: canBeTried ? `${path}/predict${suffix}` : null };
}

/** Whether a person can try one of the models on images. */
export const canTry = (models) => filesOf(models).some(({ trial }) => trial !== null);

const ACCURACY = "Test accuracy";

/** The name and the value of the accuracy on the test images, or else of the first metric. */
export function accuracyOf({ test_metrics }) {
  const metrics = Object.entries(test_metrics ?? {}).filter(([, value]) => Number.isFinite(value));
  const [name, value] = metrics.find(([each]) => /acc/i.test(each)) ?? metrics[0] ?? [];
  if (name === undefined) return [ACCURACY, NOT_TESTED];
  // Another program may count in percent.
  return /acc/i.test(name) && value >= 0 && value <= 1 ? [ACCURACY, percentage(value)] : [name, metric(value)];
}
